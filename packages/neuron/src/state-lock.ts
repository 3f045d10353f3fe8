import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ConfigError } from '@cortex/service';

import { processStartTime } from './process-start-time.ts';

/**
 * Takes `state_dir` for this process, so that two daemons do not end each other's engines.
 *
 * @returns what gives it back
 * @throws ConfigError naming `state_dir` when another living daemon has it
 */
export function lockState(stateDir: string): () => void {
  mkdirSync(stateDir, { recursive: true });
  const path = join(stateDir, 'neuron.lock');
  const own = `${process.pid} ${processStartTime(process.pid) ?? ''}`;
  if (existsSync(path)) {
    const holder = readFileSync(path, 'utf8').trim();
    const [pid = '', startTime = ''] = holder.split(' ');
    const isAlive = startTime !== '' && processStartTime(Number(pid)) === startTime;
    if (isAlive && holder !== own) {
      throw new ConfigError(
        `state_dir: ${stateDir} is used by another neuron (process ${pid}): give this one its own`,
        { key: 'state_dir' },
      );
    }
  }
  writeFileSync(path, `${own}\n`);
  return () => rmSync(path, { force: true });
}
