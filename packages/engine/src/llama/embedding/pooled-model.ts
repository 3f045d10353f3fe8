import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';

import type { EngineStats } from '../../engine/stats.ts';
import type {
  Embeddings,
  EmbedRequest,
  RerankRequest,
  RerankScores,
} from '../../engine/vectors.ts';
import type { Context, Memory, Model } from '../binding.ts';
import type { Token } from '../native-types.ts';
import type { Tokenizer } from '../tokenizer.ts';
import {
  checkLength,
  endTokens,
  inputTokens,
  type MakeTokens,
  startTokens,
} from './input-tokens.ts';
import { isMatryoshka } from './matryoshka.ts';
import type { ModelPurpose } from './model-purpose.ts';
import { cancelled } from './pooled-job.ts';
import { PooledScheduler } from './pooled-scheduler.ts';
import { isScoreNormalised, type PooledSize } from './pooled-size.ts';
import { type RerankPrompt, rerankPrompt } from './rerank-prompt.ts';
import { TextTokens } from './text-tokens.ts';
import { unitVector } from './unit-vector.ts';

/** Milliseconds of tokenization before other work runs. */
const TOKENISE_MS = 10;

/** Tokenizes the inputs of a request, and names each in errors. */
interface InputReader<T> {
  readonly paramOf: (index: number) => string;
  readonly read: (
    item: T,
    by: { readonly param: string; readonly makeTokens: MakeTokens },
  ) => Promise<Uint32Array>;
}

export interface PooledModelOptions {
  readonly model: Model;
  /** Of `model`. */
  readonly tokenizer: Tokenizer;
  readonly context: Context;
  readonly size: PooledSize;
  readonly purpose: Exclude<ModelPurpose, 'generation'>;
  readonly slots: number;
  /** The name in the catalogue; some models are detected only by name. */
  readonly modelId: string;
}

/** A model that computes embeddings or rank scores, with its own context. */
export class PooledModel {
  readonly purpose: PooledModelOptions['purpose'];
  readonly size: PooledSize;
  readonly #options: PooledModelOptions;
  readonly #scheduler: PooledScheduler;
  readonly #texts: TextTokens;
  readonly #rerankPrompt: RerankPrompt;
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: PooledModelOptions) {
    const { model, context, size, slots } = options;
    const { vocabulary } = model;
    this.#options = options;
    this.purpose = options.purpose;
    this.size = size;
    this.#texts = new TextTokens({ ...options, ...size, vocabulary });
    this.#rerankPrompt = rerankPrompt(vocabulary, model.rerankTemplate);
    this.#scheduler = new PooledScheduler({
      ...size,
      context: context.native,
      slots,
      nowMs: () => performance.now(),
    });
  }

  /** @throws CortexError naming what is wrong, not supported, or too long. */
  embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    return this.#track(this.#embed(request, signal));
  }

  /** @throws CortexError naming what is wrong or too long. */
  rerank(request: RerankRequest, signal: AbortSignal): Promise<RerankScores> {
    return this.#track(this.#rerank(request, signal));
  }

  async #tokenize(
    text: string,
    { parseSpecial }: { readonly parseSpecial: boolean },
  ): Promise<readonly Token[]> {
    const { model, tokenizer } = this.#options;
    const { vocabulary } = model;
    const tokens = await tokenizer.tokenize(text, { addSpecial: false, parseSpecial }, () =>
      this.#scheduler.checkOpen(),
    );
    return [...startTokens(vocabulary), ...tokens, ...endTokens(vocabulary)];
  }

  async #embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    if (this.purpose !== 'embedding')
      throw wrongPurpose('does not compute embeddings: it ranks documents');
    const { vocabulary } = this.#options.model;
    const dimensions = this.#dimensions(request.dimensions);
    if (request.inputs.length === 0) throw empty('input');
    const inputs = await this.#tokensOf(request.inputs, signal, {
      paramOf: (index) => `input[${index}]`,
      read: (input, by) => inputTokens(vocabulary, input, by),
    });
    const vectors = await this.#vectorsOf(inputs, request.principal, signal);
    return {
      vectors: vectors.map((vector) => unitVector(vector, dimensions)),
      promptTokens: total(inputs),
    };
  }

  async #rerank(request: RerankRequest, signal: AbortSignal): Promise<RerankScores> {
    if (this.purpose !== 'rerank')
      throw wrongPurpose('does not rank documents: it computes embeddings');
    const { query, documents } = request;
    if (query === '') throw empty('query');
    if (documents.length === 0) throw empty('documents');
    const makeTokens = this.#makeTokens('query', signal);
    // The query is checked first, because its length is not the fault of a document that shares the template.
    await makeTokens(query);
    const promptOf = await this.#rerankPrompt(query, makeTokens);
    const inputs = await this.#tokensOf(documents, signal, {
      paramOf: (index) => `documents[${index}]`,
      read: (document, by) => promptOf(document, by.makeTokens),
    });
    const vectors = await this.#vectorsOf(inputs, request.principal, signal);
    const isNormalised = isScoreNormalised(this.#options.model.use.architecture);
    const scores = vectors.map(([score = 0]) => (isNormalised ? score : sigmoid(score)));
    return { scores, promptTokens: total(inputs) };
  }

  /** The tokens of `text`, wrapped in the special tokens of an input. */
  tokenize(text: string, options: { readonly parseSpecial: boolean }): Promise<readonly Token[]> {
    return this.#track(this.#tokenize(text, options));
  }

  stats(): Omit<EngineStats, 'rssMib'> {
    return this.#scheduler.stats();
  }

  /** Memory of the context, without the weights. */
  memory(): Memory {
    return this.#options.context.memory();
  }

  /** Lets requests end within `graceMs`, ends the rest with `shutting_down`, and frees the context. */
  async close(graceMs: number): Promise<void> {
    const ended = Promise.allSettled(this.#running);
    await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
    await this.#scheduler.close();
    // Requests that are being tokenized still use the model.
    await ended;
    await this.#options.context.dispose();
  }

  async #track<T>(request: Promise<T>): Promise<T> {
    this.#running.add(request);
    try {
      return await request;
    } finally {
      this.#running.delete(request);
    }
  }

  #vectorsOf(
    inputs: readonly Uint32Array[],
    principal: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly Float64Array[]> {
    return this.#scheduler.vectorsOf({ inputs, principal: principal ?? '', signal });
  }

  /** Tokenizes all inputs before any is decoded, so that an invalid request is refused before it costs work. */
  async #tokensOf<T extends EmbedRequest['inputs'][number]>(
    items: readonly T[],
    signal: AbortSignal,
    { paramOf, read }: InputReader<T>,
  ): Promise<readonly Uint32Array[]> {
    const all: Uint32Array[] = [];
    let sinceMs = performance.now();
    for (const [index, item] of items.entries()) {
      const param = paramOf(index);
      this.#checkWanted(signal);
      const tokens = await read(item, { param, makeTokens: this.#makeTokens(param, signal) });
      checkLength(tokens, this.size.contextTokens, param);
      all.push(tokens);
      if (performance.now() - sinceMs < TOKENISE_MS) continue;
      await nextTurn();
      sinceMs = performance.now();
    }
    return all;
  }

  #makeTokens(param: string, signal: AbortSignal): MakeTokens {
    const checkWanted = (): void => this.#checkWanted(signal);
    return (text) => this.#texts.of(text, { param, checkWanted });
  }

  /** @throws CortexError if the request was cancelled or the model is being unloaded. */
  #checkWanted(signal: AbortSignal): void {
    if (signal.aborted) throw cancelled(signal);
    this.#scheduler.checkOpen();
  }

  /** The requested length of vectors. */
  #dimensions(asked: number | undefined): number {
    const { model, modelId } = this.#options;
    const size = model.embeddingSize;
    if (asked === undefined || asked === size) return size;
    const param = 'dimensions';
    if (!isMatryoshka([...model.names, modelId])) {
      throw new CortexError(
        'unsupported_parameter',
        `"dimensions" is not supported: vectors of this model always have ${size} dimensions.`,
        { param },
      );
    }
    if (Number.isInteger(asked) && asked >= 1 && asked <= size) return asked;
    throw new CortexError('invalid_request', `"dimensions" must be 1 to ${size} for this model.`, {
      param,
    });
  }
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

const total = (inputs: readonly Uint32Array[]): number =>
  inputs.reduce((sum, tokens) => sum + tokens.length, 0);

const empty = (param: string): CortexError =>
  new CortexError('invalid_request', `"${param}" is empty.`, { param });

const wrongPurpose = (what: string): CortexError =>
  new CortexError('wrong_modality', `This model ${what}.`);
