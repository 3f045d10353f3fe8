import type { HarnessModel } from '../harness/harness.ts';
import type { ModelLifecycle } from './model-lifecycle.ts';

/** Whether a model can serve now, or why not. */
export type Servability =
  | { readonly kind: 'serves'; readonly model: HarnessModel }
  /** The model keeps its memory and is expected to return. */
  | { readonly kind: 'recovering'; readonly reason: string; readonly retryAfterS: number }
  /** For callers it is not on this node. */
  | { readonly kind: 'absent'; readonly reason: string };

/**
 * The only rule for whether a model serves, used by requests and shown in `/models` (behaviour 15).
 *
 * A model with a full queue serves; admission decides about the queue.
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
