import type { HarnessModel } from '../harness/harness.ts';
import type { ModelLifecycle } from './model-lifecycle.ts';

/** Whether a model can be asked now, and why not. */
export type Servability =
  | { readonly kind: 'serves'; readonly model: HarnessModel }
  /** Keeps its place and is expected back. */
  | { readonly kind: 'recovering'; readonly reason: string; readonly retryAfterS: number }
  /** To callers it is not here. */
  | { readonly kind: 'absent'; readonly reason: string };

/**
 * The one judgement of whether a model serves: requests go by it, and `/models` shows it (behaviour 15).
 *
 * A model whose queue is full serves: that is a matter of admission.
 */
export function servabilityOf(lifecycle: ModelLifecycle | undefined): Servability {
  const model = lifecycle?.running;
  const state = lifecycle?.state ?? 'unloaded';
  if (model && state === 'loaded') return { kind: 'serves', model };
  const reason = lifecycle?.reason ?? state;
  if (model && state === 'recovering') {
    return { kind: 'recovering', reason, retryAfterS: model.retryAfterS ?? 1 };
  }
  return { kind: 'absent', reason };
}
