import type { ModelState } from '@cortex/protocol';

/**
 * The states that may follow each state (contracts, section 3).
 *
 * Changes that the specification does not list (docs/decisions/0007-model-transitions.md): a failure can be dismissed, and
 * a model that is asleep or recovering can be unloaded without a drain, because it has no requests. A model that is
 * asleep can fail, because its process can die.
 */
const NEXT: Readonly<Record<ModelState, readonly ModelState[]>> = {
  unloaded: ['pulling', 'loading'],
  pulling: ['loading', 'failed', 'unloaded'],
  loading: ['loaded', 'failed', 'unloaded'],
  loaded: ['draining', 'sleeping', 'recovering'],
  sleeping: ['loading', 'unloading', 'failed'],
  recovering: ['loaded', 'failed', 'unloading'],
  draining: ['unloading', 'loaded'],
  unloading: ['unloaded'],
  failed: ['pulling', 'loading', 'unloaded'],
};

/** Whether a model in state `from` may change to `to`. */
export const mayFollow = (from: ModelState, to: ModelState): boolean => NEXT[from].includes(to);
