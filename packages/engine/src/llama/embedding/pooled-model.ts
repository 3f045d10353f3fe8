import { setImmediate as nextTurn } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';

import type {
  Embeddings,
  EmbedRequest,
  EngineStats,
  RerankRequest,
  RerankScores,
} from '../../engine.ts';
import type { Context, Memory, Model } from '../binding.ts';
import type { Token } from '../native-types.ts';
import { checkLength, endTokens, inputTokens, startTokens } from './input-tokens.ts';
import { isMatryoshka } from './matryoshka.ts';
import type { ModelPurpose } from './model-purpose.ts';
import { cancelled } from './pooled-job.ts';
import { PooledScheduler } from './pooled-scheduler.ts';
import { isScoreNormalised, type PooledSize } from './pooled-size.ts';
import { type RerankPrompt, rerankPrompt } from './rerank-prompt.ts';
import { unitVector } from './unit-vector.ts';

/** How long texts are turned into tokens before others get a turn, ms. */
const TOKENISE_MS = 10;

export interface PooledModelOptions {
  readonly model: Model;
  readonly context: Context;
  readonly size: PooledSize;
  readonly purpose: Exclude<ModelPurpose, 'generation'>;
  readonly slots: number;
  /** As the catalogue has it; some models are known by name only. */
  readonly modelId: string;
}

/** A model that makes vectors of texts, or scores of documents, with a context of its own. */
export class PooledModel {
  readonly purpose: PooledModelOptions['purpose'];
  readonly size: PooledSize;
  readonly #options: PooledModelOptions;
  readonly #scheduler: PooledScheduler;
  readonly #rerankPrompt: RerankPrompt;

  constructor(options: PooledModelOptions) {
    const { context, size, slots } = options;
    this.#options = options;
    this.purpose = options.purpose;
    this.size = size;
    this.#rerankPrompt = rerankPrompt(options.model);
    this.#scheduler = new PooledScheduler({
      ...size,
      context: context.native,
      slots,
      nowMs: () => performance.now(),
    });
  }

  /** @throws CortexError naming what is wrong, not supported, or too long. */
  async embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    if (this.purpose !== 'embedding') throw wrongPurpose('makes no embeddings: it ranks documents');
    const { model } = this.#options;
    const dimensions = this.#dimensions(request.dimensions);
    if (request.inputs.length === 0) throw empty('input');
    const inputs = await this.#tokensOf(request.inputs, signal, (input, index) => {
      const param = `input[${index}]`;
      return { param, tokens: inputTokens(model, input, param) };
    });
    const vectors = await this.#vectorsOf(inputs, request.principal, signal);
    return {
      vectors: vectors.map((vector) => unitVector(vector, dimensions)),
      promptTokens: total(inputs),
    };
  }

  /** @throws CortexError naming what is wrong or too long. */
  async rerank(request: RerankRequest, signal: AbortSignal): Promise<RerankScores> {
    if (this.purpose !== 'rerank')
      throw wrongPurpose('does not rank documents: it makes embeddings');
    const { query, documents } = request;
    if (query === '') throw empty('query');
    if (documents.length === 0) throw empty('documents');
    const inputs = await this.#tokensOf(documents, signal, (document, index) => ({
      param: `documents[${index}]`,
      tokens: this.#rerankPrompt(query, document),
    }));
    const vectors = await this.#vectorsOf(inputs, request.principal, signal);
    const isNormalised = isScoreNormalised(this.#options.model.use.architecture);
    const scores = vectors.map(([score = 0]) => (isNormalised ? score : sigmoid(score)));
    return { scores, promptTokens: total(inputs) };
  }

  /** The tokens of `text` within those that an input is put between. */
  tokenize(text: string, options: { readonly parseSpecial: boolean }): readonly Token[] {
    const { model } = this.#options;
    return [...startTokens(model), ...model.tokenize(text, options), ...endTokens(model)];
  }

  stats(): Omit<EngineStats, 'rssMib'> {
    return this.#scheduler.stats();
  }

  /** What the context takes beside the weights. */
  memory(): Memory {
    return this.#options.context.memory();
  }

  /** Ends requests like the scheduler, then frees the context. */
  async close(graceMs: number): Promise<void> {
    await this.#scheduler.close(graceMs);
    await this.#options.context.dispose();
  }

  #vectorsOf(
    inputs: readonly Uint32Array[],
    principal: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly Float64Array[]> {
    return this.#scheduler.vectorsOf({ inputs, principal: principal ?? '', signal });
  }

  /** All of them before any is decoded, so that a request is refused before work was done for it. */
  async #tokensOf<T>(
    items: readonly T[],
    signal: AbortSignal,
    read: (item: T, index: number) => { readonly param: string; readonly tokens: Uint32Array },
  ): Promise<readonly Uint32Array[]> {
    const { contextTokens } = this.size;
    const all: Uint32Array[] = [];
    let sinceMs = performance.now();
    for (const [index, item] of items.entries()) {
      if (signal.aborted) throw cancelled(signal);
      const { param, tokens } = read(item, index);
      checkLength(tokens, contextTokens, param);
      all.push(tokens);
      if (performance.now() - sinceMs < TOKENISE_MS) continue;
      await nextTurn();
      sinceMs = performance.now();
    }
    return all;
  }

  /** How many numbers of a vector are wanted. */
  #dimensions(asked: number | undefined): number {
    const { model, modelId } = this.#options;
    const size = model.embeddingSize;
    if (asked === undefined || asked === size) return size;
    const param = 'dimensions';
    if (!isMatryoshka([...model.names, modelId])) {
      throw new CortexError(
        'unsupported_parameter',
        `"dimensions": vectors of this model always have ${size} dimensions.`,
        { param },
      );
    }
    if (Number.isInteger(asked) && asked >= 1 && asked <= size) return asked;
    throw new CortexError(
      'invalid_request',
      `"dimensions": vectors of this model have 1 to ${size} dimensions.`,
      { param },
    );
  }
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

const total = (inputs: readonly Uint32Array[]): number =>
  inputs.reduce((sum, tokens) => sum + tokens.length, 0);

const empty = (param: string): CortexError =>
  new CortexError('invalid_request', `"${param}" is empty.`, { param });

const wrongPurpose = (what: string): CortexError =>
  new CortexError('wrong_modality', `This model ${what}.`);
