import type { EngineDevice, EngineLoadSpec } from '@cortex/engine';

import type { DeviceEnv } from './device.ts';

/** Which devices an engine process should list. */
export interface DeviceQuestion {
  readonly backend: EngineLoadSpec['backend'];
  /** Variables that choose the devices of the process. */
  readonly env: DeviceEnv;
}

/**
 * Starts an engine, asks it which devices it can use, and kills it when the signal aborts.
 *
 * Rejects with the library that is missing, or the reason of the signal.
 */
export type AskEngine = (
  question: DeviceQuestion,
  signal: AbortSignal,
) => Promise<readonly EngineDevice[]>;

/** An engine opens a GPU within two seconds; a hanging driver never answers. */
const LIMIT_MS = 30_000;

/** As `ask`, for at most `limitMs`. */
export async function askWithin(
  ask: AskEngine,
  question: DeviceQuestion,
  limitMs: number = LIMIT_MS,
): Promise<readonly EngineDevice[]> {
  const limit = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new Error(`it did not answer within ${limitMs / 1000} s; the driver may hang`);
    late.reject(error);
    limit.abort(error);
  }, limitMs);
  try {
    return await Promise.race([ask(question, limit.signal), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
