import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { ConfigError } from '../config/config-error.ts';

import { systemReason } from '../system-reason.ts';

/** Writes `content` as JSON atomically and creates missing folders. @throws ConfigError naming the file */
export function writeReadyFile(path: string, content: object): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const unfinished = `${path}.${process.pid}.tmp`;
    writeFileSync(unfinished, `${JSON.stringify(content)}\n`);
    renameSync(unfinished, path);
  } catch (error) {
    throw new ConfigError(
      `the ready file ${resolve(path)} cannot be written: ${systemReason(error)}`,
      {},
      error,
    );
  }
}
