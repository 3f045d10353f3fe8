/** Files that somebody is still copying or downloading: told as that, and not remembered as a failure of the model. */
import { setTimeout as sleep } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';

import type { ModelFile } from './model-file.ts';

/** A broken file that was changed so short a time ago is looked at twice. */
const RECENT_MS = 5000;
/** Between the two: a copy that goes on has written something by then. */
const GROWTH_MS = 300;
const RETRY_S = 2;

const unfinishedErrors = new WeakSet<CortexError>();

/** True for the error of a file that was not complete: the next call looks at it again. */
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

/** @throws CortexError `model_load_failed` for a file that is being downloaded, or of which a part is missing */
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
 * The error of a load that failed: where its file is still being written, one that says so and may be tried again.
 *
 * @param before - The file as the load found it.
 * @param find - The file as it is now; undefined where it is gone.
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
