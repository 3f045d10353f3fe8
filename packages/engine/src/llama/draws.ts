import type { Model } from './binding.ts';
import type { NativeContext, NativeSampler, SamplerConfig, Token } from './native-types.ts';

/**
 * Draws tokens, each request with a sampler chain of its own; those that only want the most likely token share one.
 *
 * A chain fills a buffer of 12 bytes a token of the vocabulary for each draw. With a chain for each of eight requests
 * these buffers come from memory every time; the shared one stays in the cache, which takes a third off the draws of
 * such a step (8 streams, 49k tokens: 1.25 ms → 0.87 ms).
 */
export class Draws {
  readonly #model: Model;
  readonly #context: NativeContext;
  readonly #greedy: NativeSampler;
  /** Draws of the shared chain, one after another: it has a single buffer. */
  #lastGreedy: Promise<unknown> = Promise.resolve();

  constructor(model: Model, context: NativeContext) {
    this.#model = model;
    this.#context = context;
    this.#greedy = model.createSampler({ temperature: 0, topP: 1, minP: 0, seed: 0 });
  }

  createSampler(config: SamplerConfig): NativeSampler {
    return isStateless(config) ? SHARED : this.#model.createSampler(config);
  }

  /** The next token at that place of the batch, below 0 where none is possible. */
  draw(logitIndex: number, sampler: NativeSampler): Promise<Token> {
    if (sampler !== SHARED) return this.#context.sampleToken(logitIndex, sampler);
    const draw = (): Promise<Token> => this.#context.sampleToken(logitIndex, this.#greedy);
    const drawn = this.#lastGreedy.then(draw, draw);
    this.#lastGreedy = drawn;
    return drawn;
  }

  /** Not while a draw is under way. */
  dispose(): void {
    this.#greedy.dispose();
  }
}

/** Stands for the shared chain: nobody but `Draws` draws with it or frees it. */
const SHARED: NativeSampler = { applyConfig: () => undefined, dispose: () => undefined };

/** Whether a draw depends on nothing but the logits, whatever was drawn before. */
const isStateless = (config: SamplerConfig): boolean =>
  config.temperature === 0 &&
  config.tokenBiasKeys === undefined &&
  config.repeatPenaltyTokens === undefined &&
  config.grammarEvaluationState === undefined;
