import { CortexError } from '@cortex/protocol';

import type { LoadSettings } from '../harness/load-settings.ts';
import { isUnfinished } from '../store/unfinished-file.ts';

const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 300_000;

/** Possible causes of a failure. The failure is remembered while none of them has changed. */
export interface LoadCauses {
  readonly settings: LoadSettings;
  /** The result of `fileEvidence` before the load. */
  readonly files: string;
  /** `MemoryLedger.releases` when the load failed. */
  readonly releases: number;
}

/**
 * A failed load, remembered so that callers get the reason at once instead of starting another attempt (behaviour 24).
 */
export interface LoadFailure {
  readonly error: CortexError;
  readonly causes: LoadCauses;
  /** Consecutive failures with these settings. */
  readonly count: number;
  /** Monotonic; later calls try again. */
  readonly retryAtMs: number;
}

/** The failure that follows `previous`: 10 s, 20 s, … 5 min for the same settings. */
export function nextFailure(
  previous: LoadFailure | undefined,
  { error, causes }: Pick<LoadFailure, 'error' | 'causes'>,
  nowMs: number,
): LoadFailure {
  const isSame = Bun.deepEquals(previous?.causes.settings, causes.settings);
  const count = (isSame ? (previous?.count ?? 0) : 0) + 1;
  const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1));
  return { error, causes, count, retryAtMs: nowMs + pauseMs };
}

/** Whether a call may succeed after the failure, because of other settings or files, or released memory. */
export function hasLostItsCause({ error, causes }: LoadFailure, now: LoadCauses): boolean {
  if (!Bun.deepEquals(causes.settings, now.settings) || causes.files !== now.files) return true;
  return error.isRetryable && causes.releases !== now.releases;
}

/** The remembered error for a caller, with the remaining back-off. */
export function rememberedError({ error, retryAtMs }: LoadFailure, nowMs: number): CortexError {
  return new CortexError(error.code, error.message, {
    ...error.details,
    retryAfterS: (retryAtMs - nowMs) / 1000,
    cause: error,
  });
}

/** The failure of a model that its harness has given up. Another load may succeed. */
export function givenUp(
  modelId: string,
  { reason, causes }: { readonly reason: string; readonly causes: LoadCauses },
  nowMs: number,
): LoadFailure {
  const error = new CortexError('model_load_failed', `${modelId} failed: ${reason}.`, {
    transient: true,
  });
  return nextFailure(undefined, { error, causes }, nowMs);
}

/** Codes that blame the call or the moment, not the model. They do not set the state `failed`. */
const NOT_THE_MODEL: ReadonlySet<string> = new Set([
  'unsupported_parameter',
  'invalid_request',
  'insufficient_vram',
  'no_capacity',
  'shutting_down',
]);

/** Whether a failed load is caused by the model, and is remembered and shown. */
export const isModelsFault = (error: CortexError): boolean =>
  !NOT_THE_MODEL.has(error.code) && !isUnfinished(error);
