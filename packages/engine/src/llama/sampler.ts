import type { Model } from './binding.ts';
import type { NativeContext, NativeSampler, SamplerConfig, Token } from './native-types.ts';

/**
 * Samples tokens, with one chain per request. Requests for only the most likely token share one chain.
 *
 * A chain fills a buffer of 12 bytes per token of the vocabulary for each sample. With one chain per request, eight of
 * these buffers are read from memory each time. A shared one stays in the CPU cache, which saves a third (8 streams,
 * 49k tokens: 1.25 ms → 0.87 ms).
 */
export class Sampler {
  readonly #model: Model;
  readonly #context: NativeContext;
  readonly #greedy: NativeSampler;
  /** The shared chain has one buffer, so it samples one row after another. */
  #lastGreedy: Promise<unknown> = Promise.resolve();
  /** Samples of the shared chain that have not ended. */
  #greedyWaiting = 0;

  constructor(model: Model, context: NativeContext) {
    this.#model = model;
    this.#context = context;
    this.#greedy = model.createSampler({ temperature: 0, topP: 1, minP: 0, seed: 0 });
  }

  createSampler(config: SamplerConfig): NativeSampler {
    return isStateless(config) ? SHARED : this.#model.createSampler(config);
  }

  /** The next token at that position of the batch; below 0 if none is possible. */
  sample(logitIndex: number, sampler: NativeSampler): Promise<Token> {
    if (sampler !== SHARED) return this.#context.sampleToken(logitIndex, sampler);
    const sample = (): Promise<Token> => this.#context.sampleToken(logitIndex, this.#greedy);
    const sampled = this.#greedyWaiting === 0 ? sample() : this.#lastGreedy.then(sample, sample);
    this.#greedyWaiting++;
    this.#lastGreedy = sampled.then(this.#greedyEnded, this.#greedyEnded);
    return sampled;
  }

  readonly #greedyEnded = (): void => {
    this.#greedyWaiting--;
  };

  /** Must not be called during a sample. */
  dispose(): void {
    this.#greedy.dispose();
  }
}

/** Represents the shared chain, which only `Sampler` uses and frees. */
const SHARED: NativeSampler = { applyConfig: () => undefined, dispose: () => undefined };

/** Whether a sample depends only on the logits, not on earlier samples. */
const isStateless = (config: SamplerConfig): boolean =>
  config.temperature === 0 &&
  config.tokenBiasKeys === undefined &&
  config.repeatPenaltyTokens === undefined &&
  config.grammarEvaluationState === undefined;
