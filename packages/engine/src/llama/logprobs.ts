import type { TokenLogprob } from '../engine/generate.ts';
import { tokenName } from '../token-name.ts';
import type { Model } from './binding.ts';
import type { NativeContext, NativeSampler, Token } from './native-types.ts';

/**
 * Log-probabilities of the model, before any sampling setting.
 *
 * The library returns logits only with a sample. The most likely tokens are read through a chain limited to their
 * number, because with all tokens the library would sort the whole vocabulary (152k tokens: 10 ms instead of 0.3).
 */
export class Logprobs {
  readonly #model: Model;
  readonly #context: NativeContext;
  /**
   * Unused chains, by the number of tokens they keep; 0: all. Each read in progress has its own, because a chain works
   * in its own buffer and several rows are read at once.
   */
  readonly #idle = new Map<number, NativeSampler[]>();

  constructor(model: Model, context: NativeContext) {
    this.#model = model;
    this.#context = context;
  }

  /** The log-probabilities of the token sampled at `logitIndex` and of the `top` most likely tokens. */
  async read(
    logitIndex: number,
    { token, top }: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob> {
    const [own, best] = await Promise.all([
      this.#sample(logitIndex, { keep: 0, tokens: [token], top: 0 }),
      top > 0 ? this.#sample(logitIndex, { keep: top, tokens: [], top }) : undefined,
    ]);
    const logits = new Map([...own.logits, ...(best?.logits ?? [])]);
    // The neutral chain selects the most likely token, whose logit scales the sum.
    const total = Math.max(...own.logits.values()) + Math.log(own.weight);
    const describe = (of: Token): Omit<TokenLogprob, 'top'> => {
      const bytes = this.#model.vocabulary.bytesOf(of);
      return {
        token: tokenName(bytes),
        logprob: (logits.get(of) ?? -Infinity) - total,
        bytes: Array.from(bytes),
      };
    };
    const ranked = [...(best?.logits ?? [])].toSorted((a, b) => b[1] - a[1]);
    return { ...describe(token), ...(top > 0 && { top: ranked.map(([of]) => describe(of)) }) };
  }

  async #sample(
    logitIndex: number,
    wanted: { readonly keep: number; readonly tokens: readonly Token[]; readonly top: number },
  ): Promise<{ readonly logits: ReadonlyMap<Token, number>; readonly weight: number }> {
    const { keep, tokens, top } = wanted;
    const idle = this.#idle.get(keep) ?? [];
    this.#idle.set(keep, idle);
    const chain = idle.pop() ?? this.#model.createSampler(keep === 0 ? NEUTRAL : topKConfig(keep));
    const isSelectedWanted = keep === 0;
    const [, , , pairs = [], weight = 1] = await this.#context
      .sampleToken(
        logitIndex,
        chain,
        false,
        false,
        [tokens, false, false, isSelectedWanted, top],
        true,
      )
      .finally(() => idle.push(chain));
    const logits = new Map<Token, number>();
    for (let i = 0; i + 1 < pairs.length; i += 2) logits.set(pairs[i] ?? 0, pairs[i + 1] ?? 0);
    return { logits, weight };
  }

  /** Must not be called during a read. */
  dispose(): void {
    for (const chain of [...this.#idle.values()].flat()) chain.dispose();
    this.#idle.clear();
  }
}

const NEUTRAL = { temperature: 0, topP: 1, minP: 0, seed: 0 } as const;

/** Keeps the `topK` most likely tokens with unchanged logits. */
const topKConfig = (topK: number) => ({ temperature: 1, topK, topP: 1, minP: 0, seed: 0 });
