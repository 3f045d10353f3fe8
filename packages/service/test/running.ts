import { afterAll } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { z } from 'zod';

/** Path of a fixture. */
export const fixture = (name: string): string => join(import.meta.dir, 'fixtures', name);

/** Creates paths in a temporary folder that is removed after the tests of the calling file. */
export function temporaryPaths(): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'service-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let paths = 0;
  return () => {
    paths += 1;
    return join(folder, `${paths}`);
  };
}

/** Environment of a daemon: the limit that the launcher sets. */
export const DAEMON_ENV = { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' };

const Ready = z.object({ pid: z.int(), api: z.url(), parent: z.int() });

/** Waits for a ready file and reads it. */
export async function readReadyFile(path: string): Promise<z.infer<typeof Ready>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(dirname(path), () => existsSync(path) && resolve());
  if (existsSync(path)) resolve();
  await promise;
  watcher.close();
  return Ready.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** Whether a process is running; false for a zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Resolves with the elapsed milliseconds when the process has ended. */
export async function ended(pid: number): Promise<number> {
  const startMs = performance.now();
  while (isRunning(pid)) await Bun.sleep(5);
  return performance.now() - startMs;
}
