import type { EngineEvent, EngineTimings, StepItem } from '../../engine/generate.ts';
import type { NativeGrammarState, SamplerConfig } from '../native-types.ts';
import type { Sampling } from '../request/sampling.ts';
import type { Answer } from './answer.ts';
import type { JobEvents } from './joined-events.ts';

export interface JobOptions {
  readonly principal: string;
  readonly prompt: Uint32Array;
  readonly sampling: Sampling;
  readonly answers: readonly Answer[];
  /**
   * Number of most likely tokens whose log-probabilities are returned with the sampled token's. Undefined: no
   * log-probabilities.
   */
  readonly topLogprobs: number | undefined;
  readonly events: JobEvents;
  readonly signal: AbortSignal;
  readonly arrivedMs: number;
  /** The grammar of each choice; none if the output is not constrained. */
  readonly grammars: readonly NativeGrammarState[];
}

/** A request in the scheduler, from arrival to its last event. */
export class Job {
  readonly principal: string;
  readonly prompt: Uint32Array;
  readonly sampling: Sampling;
  readonly answers: readonly Answer[];
  readonly topLogprobs: number | undefined;
  readonly events: JobEvents;
  readonly signal: AbortSignal;
  readonly #grammars: readonly NativeGrammarState[];
  cachedTokens = 0;
  readonly #arrivedMs: number;
  #admittedMs: number | undefined;
  #firstTokenMs: number | undefined;
  #isEnded = false;
  #items: StepItem[] = [];

  constructor(options: JobOptions) {
    this.principal = options.principal;
    this.prompt = options.prompt;
    this.sampling = options.sampling;
    this.answers = options.answers;
    this.topLogprobs = options.topLogprobs;
    this.events = options.events;
    this.signal = options.signal;
    this.#grammars = options.grammars;
    this.#arrivedMs = options.arrivedMs;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * The sampler settings of one choice. Each choice has the next seed, so choices differ and a seed repeats all of
   * them.
   */
  samplerConfig(answer: Answer): SamplerConfig {
    const { config, seed, bias, penalties } = this.sampling;
    const grammar = this.grammarOf(answer);
    return {
      ...config,
      seed: (seed + answer.index) >>> 0,
      ...(bias.size > 0 && {
        tokenBiasKeys: Uint32Array.from(bias.keys()),
        tokenBiasValues: Float32Array.from(bias.values()),
      }),
      ...(penalties !== undefined && {
        repeatPenalty: penalties.repeat,
        repeatPenaltyPresencePenalty: penalties.presence,
        repeatPenaltyFrequencyPenalty: penalties.frequency,
        // The sampler records its samples itself. Penalties apply only to the answer, as in OpenAI's API.
        repeatPenaltyTokens: new Uint32Array(0),
        repeatPenaltyMaxTokens: answer.maxTokens,
      }),
      ...(grammar !== undefined && { grammarEvaluationState: grammar }),
    };
  }

  /** The grammar of one choice; undefined if the output is not constrained. */
  grammarOf(answer: Answer): NativeGrammarState | undefined {
    return this.#grammars[answer.index];
  }

  admitted(nowMs: number): void {
    this.#admittedMs = nowMs;
  }

  /** The first token ends the time of the prompt and starts that of the answer, even if it is a marker. */
  tokenSampled(nowMs: number): void {
    this.#firstTokenMs ??= nowMs;
  }

  add(items: readonly StepItem[]): void {
    this.#items.push(...items);
  }

  /** Emits the items of the step, and the end after every choice has ended. */
  flush(stepMs: number, nowMs: number): void {
    if (this.#items.length > 0) this.events.push({ type: 'items', items: this.#items, stepMs });
    this.#items = [];
    if (this.answers.every((answer) => answer.finish !== undefined)) this.#done(nowMs);
  }

  cancel(nowMs: number): void {
    for (const answer of this.answers) if (answer.finish === undefined) answer.end('cancelled');
    this.#done(nowMs);
  }

  fail(event: Extract<EngineEvent, { type: 'error' }>): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.events.push(event);
  }

  #done(nowMs: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.events.push({
      type: 'done',
      finish: this.answers.map((answer) => answer.finish ?? { reason: 'cancelled' }),
      usage: {
        promptTokens: this.prompt.length,
        completionTokens: sum(this.answers, (answer) => answer.tokens.length),
        cachedTokens: this.cachedTokens,
        reasoningTokens: sum(this.answers, (answer) => answer.reasoningTokens),
      },
      timings: this.#timings(nowMs),
    });
  }

  #timings(nowMs: number): EngineTimings {
    const admittedMs = this.#admittedMs ?? nowMs;
    const promptDoneMs = this.#firstTokenMs ?? nowMs;
    return {
      queueMs: admittedMs - this.#arrivedMs,
      promptMs: this.#admittedMs === undefined ? 0 : promptDoneMs - admittedMs,
      firstTokenMs:
        this.#firstTokenMs === undefined ? undefined : this.#firstTokenMs - this.#arrivedMs,
      decodeMs: nowMs - promptDoneMs,
    };
  }
}

const sum = (answers: readonly Answer[], of: (answer: Answer) => number): number =>
  answers.reduce((total, answer) => total + of(answer), 0);
