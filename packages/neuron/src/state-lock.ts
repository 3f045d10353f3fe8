import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type ConfigOrigins, keyError, systemReason } from '@cortex/service';

import { processStartTime } from './processes/process-start-time.ts';

const KEY = 'state_dir';

/** On a full disk the daemon runs without the lock. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    if (!isFull) throw error;
  }
}

/**
 * Takes `state_dir` for this process, so that two daemons do not end each other's engines.
 *
 * @returns a function that releases it
 * @throws ConfigError naming `state_dir` when another running daemon holds it, or when it cannot be written
 */
export function lockState(stateDir: string, origins: ConfigOrigins): () => void {
  const path = join(stateDir, 'neuron.lock');
  const own = `${process.pid} ${processStartTime(process.pid) ?? ''}`;
  const usable = <T>(step: () => T): T => {
    try {
      return step();
    } catch (cause) {
      const message = `${stateDir} cannot be used: ${systemReason(cause)}`;
      throw keyError(origins, KEY, { message, cause });
    }
  };
  const holder = usable(() => {
    mkdirSync(stateDir, { recursive: true });
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  });
  const [pid = '', startTime = ''] = holder.split(' ');
  const isAlive = startTime !== '' && processStartTime(Number(pid)) === startTime;
  if (isAlive && holder !== own) {
    throw keyError(origins, KEY, {
      message: `${stateDir} is used by another neuron (process ${pid}): stop that one, or give this one its own folder`,
    });
  }
  usable(() => write(path, `${own}\n`));
  return () => {
    try {
      rmSync(path, { force: true });
    } catch {
      // The folder is gone, and the lock with it.
    }
  };
}
