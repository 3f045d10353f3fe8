import type { FinishReason, StepItem, TokenLogprob } from '../../engine.ts';
import type { Token } from '../native-types.ts';
import type { OutputDelta, OutputParser } from '../parsers/output-parser.ts';
import { StopStrings } from '../request/stop-strings.ts';
import type { TokenDecoder } from '../request/token-text.ts';

export interface AnswerOptions {
  readonly index: number;
  readonly decoder: TokenDecoder;
  readonly stop: readonly string[];
  readonly parser: OutputParser;
  /** Tokens it may have at most: what was asked for, cut to the room in the context. */
  readonly maxTokens: number;
  /** Tool calls it may make at most; one more ends it. */
  readonly maxToolCalls: number;
}

/** One choice of a request: tokens in, items out, until it is finished. */
export class Answer {
  readonly index: number;
  readonly maxTokens: number;
  readonly tokens: Token[] = [];
  readonly #decoder: TokenDecoder;
  readonly #stops: StopStrings;
  readonly #parser: OutputParser;
  readonly #maxToolCalls: number;
  #logprobs: TokenLogprob[] = [];
  #reasoningTokens = 0;
  #finish: FinishReason | undefined;
  #matchedStop: string | undefined;

  constructor(options: AnswerOptions) {
    this.index = options.index;
    this.#decoder = options.decoder;
    this.#stops = new StopStrings(options.stop);
    this.#parser = options.parser;
    this.maxTokens = options.maxTokens;
    this.#maxToolCalls = options.maxToolCalls;
  }

  get finish(): { reason: FinishReason; matchedStop?: string } | undefined {
    if (this.#finish === undefined) return undefined;
    return {
      reason: this.#finish,
      ...(this.#matchedStop !== undefined && { matchedStop: this.#matchedStop }),
    };
  }

  get reasoningTokens(): number {
    return this.#reasoningTokens;
  }

  /** Takes a token that was drawn; gives what the consumer gets of it. */
  push(token: Token, logprob?: TokenLogprob): StepItem[] {
    this.tokens.push(token);
    if (logprob !== undefined) this.#logprobs.push(logprob);
    const wasReasoning = this.#parser.isReasoning;
    const step = this.#stops.push(this.#decoder.push(token));
    const deltas = step.text === '' ? [] : [...this.#parser.push(step.text)];
    if (wasReasoning || this.#parser.isReasoning) this.#reasoningTokens++;
    if (step.kind === 'stopped') {
      this.#matchedStop = step.matched;
      deltas.push(...this.#parser.end());
      this.#finish = this.#finished('stop');
      return this.#items(deltas);
    }
    if (this.#parser.toolCalls > this.#maxToolCalls) {
      this.#finish = 'tool_calls';
      return this.#items(deltas);
    }
    if (this.tokens.length >= this.maxTokens)
      return [...this.#items(deltas), ...this.end('length')];
    return this.#items(deltas);
  }

  /** Ends without a stop string: the model said so, or there is no room; gives what was held back. */
  end(reason: 'stop' | 'length' | 'cancelled'): StepItem[] {
    const held = this.#stops.push(this.#decoder.end());
    const deltas = [...this.#parser.push(held.text + this.#stops.end()), ...this.#parser.end()];
    if (held.kind === 'stopped') this.#matchedStop = held.matched;
    this.#finish = this.#finished(held.kind === 'stopped' ? 'stop' : reason);
    return this.#items(deltas);
  }

  #finished(reason: 'stop' | 'length' | 'cancelled'): FinishReason {
    const { toolCalls } = this.#parser;
    if (reason === 'stop' && toolCalls > 0) return 'tool_calls';
    // One that shows only now that all was read ends the answer as any other.
    return reason === 'length' && toolCalls > this.#maxToolCalls ? 'tool_calls' : reason;
  }

  /** What the consumer gets of `deltas`: nothing of a call too many. */
  #items(deltas: readonly OutputDelta[]): StepItem[] {
    const items: StepItem[] = deltas
      .filter((delta) => !('tool' in delta) || delta.tool.index < this.#maxToolCalls)
      .map((delta) => (this.index === 0 ? delta : { index: this.index, ...delta }));
    if (this.#logprobs.length === 0) return items;
    // Log-probabilities go with the text they belong to, or alone where it is held back at the end.
    const isLast = this.#finish !== undefined;
    const [first, ...rest] = items;
    if (first === undefined && !isLast) return items;
    const logprobs = this.#logprobs;
    this.#logprobs = [];
    return [{ ...(first ?? (this.index === 0 ? {} : { index: this.index })), logprobs }, ...rest];
  }
}
