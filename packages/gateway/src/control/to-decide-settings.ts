import type { DecideSettings } from '@cortex/fleet';

import type { ControlConfig } from './control.ts';

/** What of the settings the decisions depend on. */
export const toDecideSettings = (config: ControlConfig): DecideSettings => ({
  ...config.eviction,
  ...config.routing,
  maxWaiting: config.maxWaiting,
  maxWaitMs: config.maxWaitS * 1000,
  maxHoldMs: config.maxHoldS * 1000,
  starveMs: config.starveS * 1000,
  holdMs: config.holdS * 1000,
  autoPull: config.autoPull,
});
