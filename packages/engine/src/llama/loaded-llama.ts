import { CortexError } from '@cortex/protocol';

import type {
  EngineCapability,
  EngineLoadSpec,
  EngineStats,
  GenerateRequest,
  LoadedModel,
  TokenLogprob,
} from '../engine.ts';
import type { NativeSampler, Token } from './binding.ts';
import type { LlamaModel } from './load-model.ts';
import { chooseParser, type OutputFormat, readOutputFormat } from './parsers/choose-parser.ts';
import { type OutputParser, PlainParser } from './parsers/output-parser.ts';
import { ChatBody, CompletionsBody, readBody, type SamplingBody } from './request/chat-body.ts';
import { prepareChat, type PreparedChat } from './request/prepare-chat.ts';
import { readSampling, recommendedParams, withDefaults } from './request/sampling.ts';
import { TokenTexts } from './request/token-text.ts';
import { Answer } from './scheduler/answer.ts';
import type { EventBuffer } from './scheduler/event-buffer.ts';
import { Job } from './scheduler/job.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { ChatTemplate } from './templates/chat-template.ts';

const MIB = 1024 * 1024;

/** A request made ready for the scheduler, whatever its route. */
interface Prepared {
  readonly prompt: Uint32Array;
  readonly body: SamplingBody;
  readonly topLogprobs: number | undefined;
  readonly newParser: () => OutputParser;
}

/** One loaded model: requests are read, rendered and tokenised here, and answered by the scheduler. */
export class LoadedLlama {
  readonly #llama: LlamaModel;
  readonly #spec: EngineLoadSpec;
  readonly #template: ChatTemplate | undefined;
  readonly #format: OutputFormat;
  readonly #texts: TokenTexts;
  readonly #scheduler: Scheduler | undefined;
  readonly #neutral: NativeSampler | undefined;
  /** Every token that ends an answer, for requests that must not end so. */
  #endTokens: readonly Token[] | undefined;

  constructor(llama: LlamaModel, spec: EngineLoadSpec) {
    this.#llama = llama;
    this.#spec = spec;
    const { model, context } = llama;
    this.#template = compileTemplate(llama);
    this.#format = readOutputFormat(model.chatTemplate);
    this.#texts = new TokenTexts(model, this.#markerTokens());
    if (context === undefined) return;
    this.#neutral = model.createSampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 });
    this.#scheduler = new Scheduler({
      model: {
        context: context.native,
        isEndOfGeneration: (token) => model.isEndOfGeneration(token),
        createSampler: (job, answer) =>
          model.createSampler(job.samplerConfig(answer, this.#biasOf(job))),
        readLogprob: (logitIndex, token, top) => this.#readLogprob(logitIndex, { token, top }),
      },
      slots: llama.slots,
      contextTokens: llama.contextTokens,
      batchTokens: llama.batchTokens,
      prefillChunkTokens: spec.prefillChunkTokens,
      nowMs: () => performance.now(),
    });
  }

  describe(): LoadedModel {
    const { model, context, contextTokens, slots } = this.#llama;
    const memory = {
      ram: model.memory().ram + (context?.memory().ram ?? 0),
      vram: model.memory().vram + (context?.memory().vram ?? 0),
    };
    const { quant } = model;
    return {
      capabilities: this.#capabilities(),
      limits: { contextTokens, slots, trainedContextTokens: model.trainedContextTokens },
      memory: { ramMib: Math.ceil(memory.ram / MIB), vramMib: Math.ceil(memory.vram / MIB) },
      backend: this.#spec.backend,
      gpuLayers: `${this.#spec.backend === 'cpu' ? 0 : model.gpuLayers}/${model.layers}`,
      ...(quant !== undefined && { quant }),
    };
  }

  /** @throws CortexError for a request that cannot be answered; else `accepted` is in `events` when it returns. */
  generate(
    request: GenerateRequest,
    to: { readonly events: EventBuffer; readonly signal: AbortSignal },
  ): void {
    const scheduler = this.#scheduler;
    if (scheduler === undefined)
      throw new CortexError('model_not_loaded', 'Only the vocabulary of this model is loaded.');
    const layers = [
      request.params ?? {},
      this.#spec.params,
      recommendedParams(this.#llama.model.recommendedSampling),
    ];
    const body = withDefaults(request.body, layers);
    const prepared =
      request.route === 'chat' ? this.#prepareChat(body) : this.#prepareCompletion(body);
    const sampling = readSampling(prepared.body);
    if (sampling.choices > scheduler.slots) {
      throw new CortexError(
        'invalid_request',
        `"n" is ${sampling.choices}, and this model has ${scheduler.slots} slots.`,
        { param: 'n' },
      );
    }
    const maxTokens = Math.min(
      sampling.maxTokens ?? Infinity,
      this.#roomBehind(prepared.prompt.length),
    );
    const answers = Array.from(
      { length: sampling.choices },
      (_, index) =>
        new Answer({
          index,
          texts: this.#texts,
          stop: sampling.stop,
          parser: prepared.newParser(),
          maxTokens,
        }),
    );
    to.events.push({ type: 'accepted', promptTokens: prepared.prompt.length });
    scheduler.submit(
      new Job({
        principal: request.principal,
        prompt: prepared.prompt,
        sampling,
        answers,
        topLogprobs: prepared.topLogprobs,
        events: to.events,
        signal: to.signal,
        arrivedMs: performance.now(),
        grammar: undefined,
      }),
    );
  }

  wake(): void {
    this.#scheduler?.wake();
  }

  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): readonly Token[] {
    const { model } = this.#llama;
    const tokens = model.tokenize(text, { parseSpecial: options.parseSpecial });
    return options.addSpecial && model.bosToken !== undefined
      ? [model.bosToken, ...tokens]
      : [...tokens];
  }

  /** @throws CortexError `invalid_request` for a token the vocabulary does not have. */
  detokenize(tokens: readonly Token[]): string {
    this.#checkTokens(tokens, 'tokens');
    return this.#llama.model.detokenize(tokens, { showSpecial: true });
  }

  applyTemplate(body: Readonly<Record<string, unknown>>): string {
    return prepareChat(readBody(ChatBody, body), this.#template).prompt;
  }

  count(body: Readonly<Record<string, unknown>>): number {
    return this.#tokenizePrompt(this.applyTemplate(body)).length;
  }

  stats(): EngineStats {
    const rssMib = Math.round(process.memoryUsage.rss() / MIB);
    const idle = {
      queueDepth: 0,
      slots: 0,
      busySlots: 0,
      runnableSlots: 0,
      longestStepMs: 0,
      batchSizes: {},
      kvCellsUsed: 0,
      kvCellsTotal: 0,
    };
    return { ...(this.#scheduler?.stats() ?? idle), rssMib };
  }

  async close(graceMs: number): Promise<void> {
    await this.#scheduler?.close(graceMs);
    this.#neutral?.dispose();
    await this.#llama.context?.dispose();
    await this.#llama.model.dispose();
  }

  #capabilities(): EngineCapability[] {
    if (this.#scheduler === undefined) return ['tokenizer'];
    return [
      'completions',
      'tokenizer',
      'logprobs',
      'choices',
      ...(this.#template === undefined ? [] : (['chat'] as const)),
      ...(this.#format.tools === undefined ? [] : (['tools'] as const)),
      ...(this.#format.reasoning === undefined ? [] : (['reasoning'] as const)),
    ];
  }

  #prepareChat(raw: Readonly<Record<string, unknown>>): Prepared {
    const body = readBody(ChatBody, raw);
    const chat = prepareChat(body, this.#template);
    return {
      prompt: this.#tokenizePrompt(chat.prompt),
      body,
      topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : undefined,
      newParser: () => this.#newParser(chat),
    };
  }

  #prepareCompletion(raw: Readonly<Record<string, unknown>>): Prepared {
    const body = readBody(CompletionsBody, raw);
    const refused =
      body.echo === true
        ? 'echo'
        : body.suffix !== undefined
          ? 'suffix'
          : (body.best_of ?? 1) > (body.n ?? 1)
            ? 'best_of'
            : undefined;
    if (refused !== undefined)
      throw new CortexError(
        'unsupported_parameter',
        `"${refused}" is not supported by this engine.`,
        { param: refused },
      );
    return {
      prompt: this.#completionPrompt(body.prompt),
      body,
      topLogprobs: body.logprobs,
      newParser: () => new PlainParser(),
    };
  }

  #completionPrompt(prompt: string | readonly (string | number)[]): Uint32Array {
    const [first] = prompt;
    const text =
      typeof prompt === 'string' ? prompt : typeof first === 'string' ? first : undefined;
    if (text !== undefined) {
      const tokens = this.tokenize(text, { addSpecial: true, parseSpecial: true });
      if (tokens.length === 0)
        throw new CortexError('invalid_request', '"prompt" is empty.', { param: 'prompt' });
      return Uint32Array.from(tokens);
    }
    const tokens = typeof prompt === 'string' ? [] : prompt.map(Number);
    this.#checkTokens(tokens, 'prompt');
    return Uint32Array.from(tokens);
  }

  #checkTokens(tokens: readonly Token[], param: string): void {
    const size = this.#llama.model.vocabularySize;
    const wrong = tokens.findIndex(
      (token) => !Number.isInteger(token) || token < 0 || token >= size,
    );
    if (wrong < 0) return;
    throw new CortexError(
      'invalid_request',
      `"${param}[${wrong}]": the vocabulary has the tokens 0 to ${size - 1}.`,
      { param: `${param}[${wrong}]` },
    );
  }

  #newParser(chat: PreparedChat): OutputParser {
    return chooseParser(this.#format, { ...chat, newCallId });
  }

  /** The prompt's tokens; a BOS is added only where the template printed none. */
  #tokenizePrompt(prompt: string): Uint32Array {
    const { model } = this.#llama;
    const tokens = model.tokenize(prompt, { parseSpecial: true });
    if (model.bosToken === undefined || tokens[0] === model.bosToken) return tokens;
    return Uint32Array.of(model.bosToken, ...tokens);
  }

  /** @throws CortexError `context_length_exceeded` when not even one token of an answer fits. */
  #roomBehind(promptTokens: number): number {
    const { contextTokens } = this.#llama;
    if (promptTokens < contextTokens) return contextTokens - promptTokens;
    throw new CortexError(
      'context_length_exceeded',
      `This model's maximum context length is ${contextTokens} tokens. However, your prompt has ${promptTokens} tokens. Please shorten it.`,
      { param: 'messages' },
    );
  }

  #biasOf(job: Job): ReadonlyMap<Token, number> {
    if (!job.sampling.ignoreEos) return job.sampling.bias;
    const { model } = this.#llama;
    this.#endTokens ??= Array.from({ length: model.vocabularySize }, (_, token) => token).filter(
      (token) => model.isEndOfGeneration(token),
    );
    return new Map([
      ...job.sampling.bias,
      ...this.#endTokens.map((token): [Token, number] => [token, -Infinity]),
    ]);
  }

  /** Markers that the vocabulary holds as one token: their text is wanted although it is a control token. */
  #markerTokens(): ReadonlySet<Token> {
    const { model } = this.#llama;
    const tokens = this.#format.markers.map((marker) =>
      model.tokenize(marker, { parseSpecial: true }),
    );
    return new Set(tokens.flatMap((list) => (list.length === 1 ? [...list] : [])));
  }

  async #readLogprob(
    logitIndex: number,
    of: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob> {
    const { context } = this.#llama;
    if (context === undefined || this.#neutral === undefined) throw new Error('no context');
    const want = [[of.token], false, false, false, Math.max(1, of.top)] as const;
    const [, , , pairs = [], weight = 1] = await context.native.sampleToken(
      logitIndex,
      this.#neutral,
      false,
      false,
      want,
      true,
    );
    const logits = new Map<Token, number>();
    for (let i = 0; i + 1 < pairs.length; i += 2) logits.set(pairs[i] ?? 0, pairs[i + 1] ?? 0);
    const highest = Math.max(...logits.values());
    const total = highest + Math.log(weight);
    const describe = (token: Token): { token: string; logprob: number; bytes: number[] } => {
      const text = this.#llama.model.detokenize([token], { showSpecial: true });
      return {
        token: text,
        logprob: (logits.get(token) ?? -Infinity) - total,
        bytes: [...Buffer.from(text)],
      };
    };
    const best = [...logits]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, of.top)
      .map(([token]) => describe(token));
    return { ...describe(of.token), ...(of.top > 0 && { top: best }) };
  }
}

/** @throws CortexError `model_load_failed` when the file's template is broken. */
function compileTemplate({ model }: LlamaModel): ChatTemplate | undefined {
  const { chatTemplate } = model;
  if (chatTemplate === undefined) return undefined;
  try {
    return new ChatTemplate(model, chatTemplate);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CortexError(
      'model_load_failed',
      `The chat template in the model file is broken: ${said}`,
      { cause: error },
    );
  }
}

const newCallId = (): string => `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;
