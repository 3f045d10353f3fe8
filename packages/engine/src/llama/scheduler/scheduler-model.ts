import type { TokenLogprob } from '../../engine/generate.ts';
import type {
  NativeContext,
  NativeGrammarState,
  NativeSampler,
  SamplerConfig,
  Token,
} from '../native-types.ts';

/** The part of the loaded model that the scheduler uses. */
export interface SchedulerModel {
  readonly context: NativeContext;
  isEndOfGeneration(token: Token): boolean;
  createSampler(config: SamplerConfig): NativeSampler;
  /** Below 0 if no token is possible. */
  sample(logitIndex: number, sampler: NativeSampler): Promise<Token>;
  /** Advances a grammar by a token that was not sampled. @throws if the grammar does not allow the token. */
  accept(token: Token, grammar: NativeGrammarState | undefined): void;
  /** Log-probability of `token` from raw logits, before the sampler chain. */
  readLogprob(
    logitIndex: number,
    of: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob>;
}
