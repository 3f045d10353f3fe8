import { CortexError, readShape } from '@cortex/protocol';

import type { CloseOptions } from '../engine/engine.ts';
import type { GenerateRequest } from '../engine/generate.ts';
import type { Backend, EngineCapability, EngineLoadSpec, LoadedModel } from '../engine/load.ts';
import type { EngineStats } from '../engine/stats.ts';
import type { Embeddings, EmbedRequest, RerankRequest, RerankScores } from '../engine/vectors.ts';
import { checkDepth } from '../protocol/index.ts';
import { answer } from './answering.ts';
import type { Generation } from './generation.ts';
import { disposeModel, type LlamaModel } from './load-model.ts';
import type { Token } from './native-types.ts';
import { driverContextMib } from './memory/process-memory.ts';
import { type OutputFormat, readOutputFormat } from './parsers/choose-parser.ts';
import { ArrivalOrder } from './request/arrival-order.ts';
import { ChatBody } from './request/chat-body.ts';
import { checkChatSize } from './request/chat-size.ts';
import { type ChatModel, prepareChatApart } from './prepare/prepare-chat.ts';
import type { RenderedPrompt } from './request/prompt-parts.ts';
import { RequestReader } from './prepare/request-reader.ts';
import { withDefaults } from './request/sampling.ts';
import { TokenTexts } from './request/token-text.ts';
import type { EventBuffer } from './scheduler/event-buffer.ts';
import { ChatTemplate } from './templates/chat-template.ts';
import type { Tokenizer } from './tokenizer.ts';
import { unloading } from './unloading.ts';

const MIB = 1024 * 1024;

/** One loaded model, with its parts connected. */
export class LoadedLlama {
  readonly tokenizer: Tokenizer;
  readonly #llama: LlamaModel;
  readonly #spec: EngineLoadSpec;
  readonly #chat: ChatModel;
  readonly #texts: TokenTexts;
  readonly #reader: RequestReader;
  readonly #generation: Generation | undefined;
  readonly #arrivals = new ArrivalOrder();
  #isClosing = false;

  /** @throws CortexError `model_load_failed` if the file's chat template is invalid. */
  constructor(llama: LlamaModel, spec: EngineLoadSpec, generation: Generation | undefined) {
    this.#llama = llama;
    this.#spec = spec;
    const { model } = llama;
    this.tokenizer = llama.tokenizer;
    const format = readOutputFormat(model.chatTemplate);
    this.#chat = { template: compileTemplate(llama, spec.modelPath, format), format };
    this.#texts = new TokenTexts(model.vocabulary, this.#markerTokens());
    this.#reader = new RequestReader({
      model,
      tokenizer: this.tokenizer,
      chat: this.#chat,
      limits: llama,
      params: spec.params,
    });
    this.#generation = generation;
  }

  async describe(): Promise<LoadedModel> {
    const { backend } = this.#spec;
    const { model, context, pooled, drafter, contextTokens, slots, loadMode } = this.#llama;
    const parts = [model, context, pooled, drafter].map(
      (part) => part?.memory() ?? { ram: 0, vram: 0 },
    );
    const sum = (of: 'ram' | 'vram'): number => parts.reduce((total, part) => total + part[of], 0);
    const { quant, gpuLayers } = model;
    const gpus = backend === 'cpu' ? 0 : (await this.deviceNames()).length;
    return {
      capabilities: this.#capabilities(),
      limits: { contextTokens, slots, trainedContextTokens: model.trainedContextTokens },
      memory: {
        ramMib: Math.ceil(sum('ram') / MIB),
        vramMib: Math.ceil(sum('vram') / MIB) + driverContextMib(backend, { gpuLayers, gpus }),
      },
      backend,
      gpuLayers: `${backend === 'cpu' ? 0 : gpuLayers}/${model.layers}`,
      quant,
      loadMode,
    };
  }

  /**
   * Queues a request after its prompt was tokenized.
   *
   * @throws CortexError for an invalid request; the reason of `signal` if it aborts before that is known
   */
  async generate(
    request: GenerateRequest,
    to: { readonly events: EventBuffer; readonly signal: AbortSignal },
  ): Promise<void> {
    if (this.#generation === undefined) throw this.#notFor('It does not write text.');
    const arrivedMs = performance.now();
    const checkWanted = (): void => {
      this.#checkOpen();
      to.signal.throwIfAborted();
    };
    const { principal } = request;
    const reading = this.#reader.read(request, checkWanted);
    const read = await this.#arrivals.inTurn(principal, reading, to.signal);
    checkWanted();
    const { scheduler } = this.#generation;
    answer({
      ...to,
      read,
      principal,
      arrivedMs,
      texts: this.#texts,
      submit: (job) => scheduler.submit(job),
    });
  }

  /** @throws CortexError naming what is wrong, not supported, or too long. */
  async embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    const { pooled } = this.#llama;
    if (pooled === undefined) throw this.#notFor('It does not compute embeddings.');
    return pooled.embed(request, signal);
  }

  /** @throws CortexError naming what is wrong or too long. */
  async rerank(request: RerankRequest, signal: AbortSignal): Promise<RerankScores> {
    const { pooled } = this.#llama;
    if (pooled === undefined) throw this.#notFor('It does not rank documents.');
    return pooled.rerank(request, signal);
  }

  /** With `addSpecial`, adds the special tokens that a prompt or input of this model starts and ends with. */
  async tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): Promise<readonly Token[]> {
    const { pooled } = this.#llama;
    if (pooled !== undefined && options.addSpecial) return pooled.tokenize(text, options);
    return Array.from(await this.tokenizer.tokenize(text, options, () => this.#checkOpen()));
  }

  wake(): void {
    this.#generation?.scheduler.wake();
  }

  async applyTemplate(body: Readonly<Record<string, unknown>>): Promise<string> {
    return (await this.#prompt(body)).text;
  }

  async #prompt(body: Readonly<Record<string, unknown>>): Promise<RenderedPrompt> {
    checkDepth(body);
    checkChatSize(body);
    const withParams = withDefaults(body, [this.#spec.params]);
    const read = readShape(ChatBody, withParams);
    // A model without weights has no other requests to delay, so the size is not checked.
    if (!this.#spec.vocabOnly) this.#reader.checkFits(read);
    return (await prepareChatApart(read, this.#chat)).prompt;
  }

  /** The prompt of a chat as tokens. */
  async tokenizeChat(body: Readonly<Record<string, unknown>>): Promise<readonly Token[]> {
    const prompt = await this.#prompt(body);
    return Array.from(await this.tokenizer.rendered(prompt, () => this.#checkOpen()));
  }

  get backend(): Backend {
    return this.#spec.backend;
  }

  deviceNames(): Promise<readonly string[]> {
    return this.#llama.model.deviceNames();
  }

  stats(): EngineStats {
    const rssMib = Math.round(process.memoryUsage.rss() / MIB);
    const { pooled } = this.#llama;
    return { ...IDLE_STATS, ...(pooled ?? this.#generation?.scheduler)?.stats(), rssMib };
  }

  async close(graceMs: number, options: CloseOptions): Promise<void> {
    this.#isClosing = true;
    try {
      await this.#generation?.close(graceMs, options);
      await this.#llama.pooled?.close(graceMs);
    } finally {
      await disposeModel(this.#llama);
    }
  }

  /** @throws CortexError `shutting_down` after close, when the model may be freed. */
  #checkOpen(): void {
    if (this.#isClosing) throw unloading();
  }

  /** The error for a call that does not match the purpose of this model. */
  #notFor(what: string): CortexError {
    if (this.#spec.vocabOnly)
      return new CortexError('model_not_loaded', 'Only the vocabulary of this model is loaded.');
    const purpose = this.#llama.pooled?.purpose ?? 'generation';
    return new CortexError(
      'wrong_modality',
      `This model is for ${PURPOSE_TEXTS[purpose]}. ${what}`,
    );
  }

  #capabilities(): EngineCapability[] {
    const { pooled } = this.#llama;
    if (pooled !== undefined) return [pooled.purpose, 'tokenizer', 'estimate'];
    if (this.#generation === undefined) return ['tokenizer'];
    const { template, format } = this.#chat;
    return [
      'completions',
      'tokenizer',
      'logprobs',
      'choices',
      'structured',
      'estimate',
      'prompt_cache',
      'state',
      'lora',
      ...(this.#llama.model.hasRecurrentState ? [] : (['speculation'] as const)),
      ...(this.#llama.model.vocabulary.gapTokens === undefined ? [] : (['insert'] as const)),
      ...(template === undefined ? [] : (['chat'] as const)),
      ...(format.tools === undefined ? [] : (['tools'] as const)),
      ...(format.reasoning === undefined ? [] : (['reasoning'] as const)),
    ];
  }

  /** Control tokens that are markers of the format: their text is part of the answer. */
  #markerTokens(): ReadonlySet<number> {
    const tokens = this.#chat.format.markers.map((marker) =>
      this.#llama.model.vocabulary.tokenize(marker, { parseSpecial: true }),
    );
    return new Set(tokens.flatMap((list) => (list.length === 1 ? [...list] : [])));
  }
}

const PURPOSE_TEXTS = {
  generation: 'text generation',
  embedding: 'embeddings',
  rerank: 'ranking documents',
} as const;

/** Stats of an engine without a model. */
export const IDLE_STATS: EngineStats = {
  queueDepth: 0,
  slots: 0,
  busySlots: 0,
  runnableSlots: 0,
  longestStepMs: 0,
  batchSizes: {},
  kvCellsUsed: 0,
  kvCellsTotal: 0,
  rssMib: 0,
};

function compileTemplate(
  { model }: LlamaModel,
  modelPath: string,
  { reasoning }: OutputFormat,
): ChatTemplate | undefined {
  const { chatTemplate } = model;
  if (chatTemplate === undefined) return undefined;
  try {
    const { controlTexts } = model.vocabulary;
    return new ChatTemplate(model, chatTemplate, {
      controlTexts,
      reasoning: reasoning === undefined ? [] : [reasoning.open, reasoning.close],
    });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CortexError(
      'model_load_failed',
      `Cannot load ${modelPath}: its chat template is invalid: ${said}`,
      { cause: error },
    );
  }
}
