import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ConfigError } from '@cortex/service';

import { processStartTime } from './process-start-time.ts';

const unusable = (stateDir: string, cause: unknown): ConfigError => {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError(`state_dir: ${stateDir} cannot be used: ${said}`, { key: 'state_dir' });
};

function makeFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true });
  } catch (error) {
    throw unusable(stateDir, error);
  }
}

/** On a full disk the daemon runs without the lock: nothing else that it writes would fit either. */
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
 * @returns what gives it back
 * @throws ConfigError naming `state_dir` when another living daemon has it, and when it cannot be written
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
      // The folder is not one any more: no lock is left in it.
    }
  };
}
