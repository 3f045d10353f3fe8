/**
 * Files that are still being copied or downloaded. Their error is transient and is not remembered as a failure of
 * the model.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';

import type { ModelFile } from './model-file.ts';

/** A broken file that changed within this time is checked twice. */
const RECENT_MS = 5000;
/** Pause between the two checks; a copy in progress has changed the file by then. */
const GROWTH_MS = 300;
const RETRY_S = 2;

const unfinishedErrors = new WeakSet<CortexError>();

/** True for the error of an incomplete file, which the next call checks again. */
export const isUnfinished = (error: CortexError): boolean => unfinishedErrors.has(error);

function unfinished(message: string, cause?: unknown): CortexError {
  const error = new CortexError('model_load_failed', message, {
    transient: true,
    retryAfterS: RETRY_S,
    cause,
  });
  unfinishedErrors.add(error);
  return error;
}

/** @throws CortexError `model_load_failed` for a file that is being downloaded or has a missing part */
export function checkComplete({ id, path, missingPart, isPartial }: ModelFile): void {
  if (isPartial)
    throw unfinished(`${path} is still being downloaded. Try again when it is complete.`);
  if (missingPart === undefined) return;
  throw new CortexError(
    'model_load_failed',
    `${missingPart} is missing: ${id} is split into parts.`,
    { param: 'model_id' },
  );
}

const isRecent = ({ modifiedMs }: ModelFile): boolean =>
  Math.abs(Date.now() - modifiedMs) < RECENT_MS;

/**
 * The error of a failed load. If its file is still being written, a transient error that says so.
 *
 * @param before - The file as the load found it.
 * @param find - The current file; undefined if it is gone.
 */
export async function explainLoadFailure(
  thrown: unknown,
  before: ModelFile,
  find: () => Promise<ModelFile | undefined>,
): Promise<unknown> {
  const isStructural =
    thrown instanceof CortexError &&
    thrown.code === 'model_load_failed' &&
    thrown.details.transient !== true;
  if (!isStructural) return thrown;
  const hasChanged = async (): Promise<boolean> => {
    const now = await find();
    return now !== undefined && now.fingerprint !== before.fingerprint;
  };
  if (!(await hasChanged())) {
    if (!isRecent(before)) return thrown;
    await sleep(GROWTH_MS);
    if (!(await hasChanged())) return thrown;
  }
  return unfinished(
    `${thrown.message} The file is still changing. If it is being copied, try again when it is complete.`,
    thrown,
  );
}
