import type { TokenLogprob } from '../engine.ts';
import { tokenName } from '../token-name.ts';
import type { Model } from './binding.ts';
import type { NativeContext, NativeSampler, Token } from './native-types.ts';

/** Log-probabilities as the model gives them, before any sampling setting. */
export class Logprobs {
  readonly #model: Model;
  readonly #context: NativeContext;
  /**
   * Chains that change nothing: the library hands out logits only together with a sample. One for each read under way,
   * because a sampler works in a buffer of its own and several slots are read at once.
   */
  readonly #idle: NativeSampler[] = [];

  constructor(model: Model, context: NativeContext) {
    this.#model = model;
    this.#context = context;
  }

  /** Of the token sampled at `logitIndex`, and of the `top` most likely ones there. */
  async read(
    logitIndex: number,
    { token, top }: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob> {
    // "Selected" is what the neutral chain samples, the most likely token: its logit scales the sum.
    const wanted = [[token], false, false, true, top] as const;
    const sampler = this.#idle.pop() ?? this.#model.createSampler(NEUTRAL);
    const sampled = await this.#context
      .sampleToken(logitIndex, sampler, false, false, wanted, true)
      .finally(() => this.#idle.push(sampler));
    const [, , , pairs = [], weight = 1] = sampled;
    const logits = new Map<Token, number>();
    for (let i = 0; i + 1 < pairs.length; i += 2) logits.set(pairs[i] ?? 0, pairs[i + 1] ?? 0);
    const total = Math.max(...logits.values()) + Math.log(weight);
    const describe = (of: Token): Omit<TokenLogprob, 'top'> => {
      const bytes = this.#model.vocabulary.bytesOf(of);
      return {
        token: tokenName(bytes),
        logprob: (logits.get(of) ?? -Infinity) - total,
        bytes: Array.from(bytes),
      };
    };
    const best = [...logits].toSorted((a, b) => b[1] - a[1]).slice(0, top);
    return { ...describe(token), ...(top > 0 && { top: best.map(([of]) => describe(of)) }) };
  }

  /** Not while a read is under way. */
  dispose(): void {
    for (const sampler of this.#idle.splice(0)) sampler.dispose();
  }
}

const NEUTRAL = { temperature: 0, topP: 1, minP: 0, seed: 0 } as const;
