/** Measures how quickly a file is read in each way, in a thread: mapped memory is read by page faults, which block. */
import { Worker } from 'node:worker_threads';

import { z } from 'zod';

import { ReadSpeeds } from './read-speeds.ts';

/** @throws Error if the file cannot be read */
export type MeasureReads = (path: string) => Promise<ReadSpeeds>;

const Answer = z.union([z.object({ error: z.string() }), ReadSpeeds]);

/** Longest time for all samples; a disk that needs longer is not worth the wait of a load. */
const TIMEOUT_MS = 30_000;

export const measureReads: MeasureReads = async (path) => {
  const thread = new Worker(new URL('./read-thread.ts', import.meta.url), { workerData: { path } });
  // A thread that hangs in a read of a dead disk must keep neither the load nor the daemon waiting.
  thread.unref();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error('the thread ended')));
      timer = setTimeout(
        () => reject(new Error(`${path} could not be read within ${TIMEOUT_MS / 1000} s`)),
        TIMEOUT_MS,
      );
    });
    const parsed = Answer.parse(answer);
    if ('error' in parsed) throw new Error(parsed.error);
    return parsed;
  } finally {
    clearTimeout(timer);
    void thread.terminate();
  }
};
