/** Downloads one file: resumed where it was cut, checked, and put in its place in one step. */
import { dirname } from 'node:path';

import { CortexError, toCortexError } from '@cortex/protocol';
import { isSystemError, systemReason } from '@cortex/service';

import type { Pause } from '../../pause.ts';
import { temporary } from '../web/web-client.ts';
import { RangeRefused } from './open-range.ts';
import { DiskFailure, PartialFile } from './partial-file.ts';
import type { OpenedFile, RemoteFile } from './remote-file.ts';
import { RetryBudget } from './retry-budget.ts';

/** A connection without data for this long is closed, and the download continues on another one. */
const STALL_MS = 60_000;

export interface DownloadTask {
  readonly file: RemoteFile;
  /** Where the complete file will be. */
  readonly path: string;
  /** The incomplete file, on the same file system. It is kept when the download is aborted. */
  readonly partialPath: string;
  readonly signal: AbortSignal;
  readonly pause: Pause;
  /** Bytes on the disk; decreases when the download starts again. */
  readonly onBytes: (bytes: number) => void;
  /** A failure after which the download is tried again. */
  readonly onRetry: (error: CortexError, pauseMs: number) => void;
  readonly stallMs?: number | undefined;
}

/**
 * Downloads `file` to `path`. Connections that are cut, or refused for a while, are replaced after a pause.
 *
 * @returns the SHA-256 of the file in hex; undefined if the server states a checksum of another kind
 * @throws CortexError `model_load_failed` naming the file; the reason of `signal`
 */
export async function download(task: DownloadTask): Promise<string | undefined> {
  const { signal, pause, onRetry } = task;
  const budget = new RetryBudget();
  for (;;) {
    try {
      return await attempt(task, budget);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = thrown instanceof DiskFailure ? diskError(thrown, task) : toCortexError(thrown);
      // A removed folder is made again; a full disk stays full.
      if (thrown instanceof DiskFailure && !thrown.isGone) throw error;
      const pauseMs = budget.afterFailure(error);
      onRetry(error, pauseMs);
      await pause(pauseMs, signal);
    }
  }
}

function diskError(failure: DiskFailure, { partialPath }: DownloadTask): CortexError {
  if (failure.isFull) {
    return temporary(
      `${dirname(partialPath)} has no space left. What was downloaded is kept: free some space and try again.`,
      failure,
    );
  }
  const { cause } = failure;
  const why = isSystemError(cause) ? systemReason(cause) : String(cause);
  return temporary(`${partialPath} cannot be written: ${why}.`, failure);
}

async function attempt(task: DownloadTask, budget: RetryBudget): Promise<string | undefined> {
  const { file, path, partialPath, onBytes } = task;
  const partial = await PartialFile.open(file, partialPath);
  try {
    const wasResumed = partial.bytes > 0;
    onBytes(partial.bytes);
    if (partial.bytes < file.sizeBytes) await receive(task, partial, budget);
    const hex = await partial.digest(task.signal);
    if (file.checksum && file.checksum.hex !== hex) {
      await partial.remove();
      throw wrongContent(file, hex, wasResumed);
    }
    await partial.moveTo(path);
    return file.checksum?.kind === 'git' ? undefined : hex;
  } finally {
    await partial.close();
  }
}

/** After a resumption the bytes on the disk may be at fault, so that another try from the start is worth it. */
function wrongContent(
  { name, checksum }: RemoteFile,
  hex: string,
  wasResumed: boolean,
): CortexError {
  const message = `${name}: the downloaded bytes have the checksum ${hex}, but the server published ${checksum?.hex}. They were deleted.`;
  return wasResumed
    ? temporary(message)
    : new CortexError('model_load_failed', message, { param: 'source' });
}

async function openAt(
  { file }: DownloadTask,
  partial: PartialFile,
  signal: AbortSignal,
): Promise<OpenedFile> {
  try {
    return await file.open({ start: partial.bytes }, signal);
  } catch (error) {
    if (error instanceof RangeRefused) await partial.restart();
    throw error;
  }
}

/** Appends what the server sends until the file has its size. */
async function receive(
  task: DownloadTask,
  partial: PartialFile,
  budget: RetryBudget,
): Promise<void> {
  const { file, signal, onBytes, stallMs = STALL_MS } = task;
  const stalled = new AbortController();
  const opened = await openAt(task, partial, AbortSignal.any([signal, stalled.signal]));
  if (opened.sizeBytes !== undefined && opened.sizeBytes !== file.sizeBytes) {
    throw temporary(
      `${file.name} has ${opened.sizeBytes} bytes now, and had ${file.sizeBytes} when the pull began. Try again.`,
    );
  }
  if (opened.start !== partial.bytes) await partial.restart();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), stallMs);
  };
  watch();
  try {
    for await (const chunk of opened.body) {
      watch();
      if (partial.bytes + chunk.length > file.sizeBytes) {
        await partial.restart();
        throw temporary(`${file.name}: the server sent more than ${file.sizeBytes} bytes.`);
      }
      await partial.append(chunk);
      budget.reached(partial.bytes);
      onBytes(partial.bytes);
    }
  } catch (error) {
    if (error instanceof CortexError || error instanceof DiskFailure) throw error;
    const why = stalled.signal.aborted
      ? `the server sent nothing for ${stallMs / 1000} s`
      : 'the connection was lost';
    throw temporary(`${file.name}: ${why}.`, error);
  } finally {
    clearTimeout(timer);
  }
  if (partial.bytes === file.sizeBytes) return;
  throw temporary(
    `${file.name}: the connection ended after ${partial.bytes} of ${file.sizeBytes} bytes.`,
  );
}
