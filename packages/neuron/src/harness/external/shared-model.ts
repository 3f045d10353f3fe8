import type { HarnessModel } from '../harness.ts';
import type { ServerState } from './server.ts';
import type { SlotQueue } from './slot-queue.ts';

/** A loaded model of a server that several models share. */
export interface SharedModel {
  readonly id: string;
  readonly upstreamModel: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly capabilities: readonly string[];
  readonly contextTokens: number | undefined;
  readonly slotCount: number;
  readonly slots: SlotQueue;
  /** Incarnations of the server before the load, so that a load begins with 1. */
  readonly earlier: number;
  isAsleep: boolean;
}

/** The model for `/models`, from the state of its server. */
export function toHarnessModel(model: SharedModel, state: ServerState): HarnessModel {
  const { id, capabilities, contextTokens, slotCount: slots, earlier, isAsleep } = model;
  const fixed = { id, capabilities, contextTokens, slots };
  switch (state.kind) {
    case 'up':
      return {
        ...fixed,
        state: isAsleep ? 'sleeping' : 'loaded',
        incarnation: state.incarnation - earlier,
      };
    case 'recovering': {
      const { reason, retryAfterS } = state;
      return { ...fixed, state: 'recovering', incarnation: 1, reason, retryAfterS };
    }
    case 'failed':
      return { ...fixed, state: 'failed', incarnation: 1, reason: state.reason };
    case 'stopped':
      return { ...fixed, state: 'failed', incarnation: 1, reason: 'its server was stopped' };
  }
}
