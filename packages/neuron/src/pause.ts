import { setTimeout as sleep } from 'node:timers/promises';

/** Waits; rejects with the reason of `signal` when that aborts. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export const pauseFor: Pause = async (ms, signal) => {
  await sleep(ms, undefined, { signal });
};
