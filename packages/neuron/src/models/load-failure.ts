import { CortexError } from '@cortex/protocol';

import { isUnfinished } from './unfinished-file.ts';

const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 300_000;

/** A load that failed, remembered so that callers get the reason at once instead of another attempt each (behaviour 24). */
export interface LoadFailure {
  readonly error: CortexError;
  /** What the file looked like; another one deserves a try. Absent when there was none. */
  readonly fingerprint: string | undefined;
  /** Failures in a row. */
  readonly count: number;
  /** Monotonic; from then on a call tries again. */
  readonly retryAtMs: number;
}

/** The failure that follows `previous`: 10 s, 20 s, … 5 min. */
export function nextFailure(
  previous: LoadFailure | undefined,
  { error, fingerprint }: Pick<LoadFailure, 'error' | 'fingerprint'>,
  nowMs: number,
): LoadFailure {
  const count = (previous?.count ?? 0) + 1;
  const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1));
  return { error, fingerprint, count, retryAtMs: nowMs + pauseMs };
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
  { reason, fingerprint }: { readonly reason: string; readonly fingerprint: string },
  nowMs: number,
): LoadFailure {
  const error = new CortexError('model_load_failed', `${modelId} failed: ${reason}.`, {
    transient: true,
  });
  return nextFailure(undefined, { error, fingerprint }, nowMs);
}

/** Codes that say the call was wrong, or the time, not the model: they leave no `failed` behind. */
const NOT_THE_MODEL: ReadonlySet<string> = new Set([
  'unsupported_parameter',
  'invalid_request',
  'insufficient_vram',
  'shutting_down',
]);

/** Whether a failed load says something of the model, to be remembered and shown. */
export const isModelsFault = (error: CortexError): boolean =>
  !NOT_THE_MODEL.has(error.code) && !isUnfinished(error);
