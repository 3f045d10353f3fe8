import { CortexError } from '@cortex/protocol';

import type { LoadSettings } from '../harness/load-settings.ts';
import { isUnfinished } from './unfinished-file.ts';

const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 300_000;

/** What a failure may have been caused by: it is believed for as long as none of it has changed. */
export interface LoadCauses {
  readonly settings: LoadSettings;
  /** As `fileEvidence` gave it before the load. */
  readonly files: string;
  /** `MemoryLedger.releases` when the load had failed. */
  readonly releases: number;
}

/**
 * A load that failed, remembered so that callers get the reason at once instead of another attempt each (behaviour
 * 24).
 */
export interface LoadFailure {
  readonly error: CortexError;
  readonly causes: LoadCauses;
  /** Failures in a row with these settings. */
  readonly count: number;
  /** Monotonic; from then on a call tries again. */
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

/** Whether a call may succeed where the failed one could not: other settings or files, or memory that came free. */
export function hasLostItsCause({ error, causes }: LoadFailure, now: LoadCauses): boolean {
  if (!Bun.deepEquals(causes.settings, now.settings) || causes.files !== now.files) return true;
  return error.isRetryable && causes.releases !== now.releases;
}

/** The remembered reason as an answer, with the back-off that is left. */
export function rememberedError({ error, retryAtMs }: LoadFailure, nowMs: number): CortexError {
  return new CortexError(error.code, error.message, {
    ...error.details,
    retryAfterS: (retryAtMs - nowMs) / 1000,
    cause: error,
  });
}

/** The failure of a model that its harness has given up for good, for a reason that another load may not meet. */
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

/** Codes that say the call was wrong, or the time, not the model: they leave no `failed` behind. */
const NOT_THE_MODEL: ReadonlySet<string> = new Set([
  'unsupported_parameter',
  'invalid_request',
  'insufficient_vram',
  'no_capacity',
  'shutting_down',
]);

/** Whether a failed load says something of the model, to be remembered and shown. */
export const isModelsFault = (error: CortexError): boolean =>
  !NOT_THE_MODEL.has(error.code) && !isUnfinished(error);
