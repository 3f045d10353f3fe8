import type { TokenLogprob } from '../engine.ts';
import type { Model, NativeContext, NativeSampler, Token } from './binding.ts';

/** Log-probabilities as the model gives them, before any sampling setting. */
export class Logprobs {
  readonly #model: Model;
  readonly #context: NativeContext;
  /** A chain that changes nothing: the library hands out logits only together with a sample. */
  readonly #neutral: NativeSampler;

  constructor(model: Model, context: NativeContext) {
    this.#model = model;
    this.#context = context;
    this.#neutral = model.createSampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 });
  }

  /** Of the token drawn at `logitIndex`, and of the `top` most likely ones there. */
  async read(
    logitIndex: number,
    { token, top }: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob> {
    const wanted = [[token], false, false, false, Math.max(1, top)] as const;
    const sampled = await this.#context.sampleToken(
      logitIndex,
      this.#neutral,
      false,
      false,
      wanted,
      true,
    );
    const [, , , pairs = [], weight = 1] = sampled;
    const logits = new Map<Token, number>();
    for (let i = 0; i + 1 < pairs.length; i += 2) logits.set(pairs[i] ?? 0, pairs[i + 1] ?? 0);
    const total = Math.max(...logits.values()) + Math.log(weight);
    const describe = (of: Token): Omit<TokenLogprob, 'top'> => {
      const text = this.#model.detokenize([of], { showSpecial: true });
      return {
        token: text,
        logprob: (logits.get(of) ?? -Infinity) - total,
        bytes: [...Buffer.from(text)],
      };
    };
    const best = [...logits].toSorted((a, b) => b[1] - a[1]).slice(0, top);
    return { ...describe(token), ...(top > 0 && { top: best.map(([of]) => describe(of)) }) };
  }

  dispose(): void {
    this.#neutral.dispose();
  }
}
