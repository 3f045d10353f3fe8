import type { TokenLogprob } from '../../engine.ts';
import type {
  NativeContext,
  NativeGrammarState,
  NativeSampler,
  SamplerConfig,
  Token,
} from '../native-types.ts';

/** What the scheduler needs of the loaded model. */
export interface SchedulerModel {
  readonly context: NativeContext;
  isEndOfGeneration(token: Token): boolean;
  createSampler(config: SamplerConfig): NativeSampler;
  /** Below 0 where no token is possible. */
  sample(logitIndex: number, sampler: NativeSampler): Promise<Token>;
  /** Tells a grammar of a token that was not sampled. @throws where the grammar does not allow it. */
  accept(token: Token, grammar: NativeGrammarState | undefined): void;
  /** Log-probability of `token` from raw logits, before the sampler chain. */
  readLogprob(
    logitIndex: number,
    of: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob>;
}
