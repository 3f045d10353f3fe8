import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ConfigError, systemReason } from '@cortex/service';

import { processStartTime } from './processes/process-start-time.ts';

const unusable = (stateDir: string, cause: unknown): ConfigError =>
  new ConfigError(
    `state_dir: ${stateDir} cannot be used: ${systemReason(cause)}`,
    { key: 'state_dir' },
    cause,
  );

function makeFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true });
  } catch (error) {
    throw unusable(stateDir, error);
  }
}

/** On a full disk the daemon runs without the lock. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    if (!isFull) throw unusable(dirname(path), error);
  }
}

/**
 * Takes `state_dir` for this process, so that two daemons do not end each other's engines.
 *
 * @returns a function that releases it
 * @throws ConfigError naming `state_dir` when another running daemon holds it, or when it cannot be written
 */
export function lockState(stateDir: string): () => void {
  makeFolder(stateDir);
  const path = join(stateDir, 'neuron.lock');
  const own = `${process.pid} ${processStartTime(process.pid) ?? ''}`;
  if (existsSync(path)) {
    const holder = readFileSync(path, 'utf8').trim();
    const [pid = '', startTime = ''] = holder.split(' ');
    const isAlive = startTime !== '' && processStartTime(Number(pid)) === startTime;
    if (isAlive && holder !== own) {
      throw new ConfigError(
        `state_dir: ${stateDir} is used by another neuron (process ${pid}): give this one its own folder`,
        { key: 'state_dir' },
      );
    }
  }
  write(path, `${own}\n`);
  return () => {
    try {
      rmSync(path, { force: true });
    } catch {
      // The folder is gone, and the lock with it.
    }
  };
}
