import { writeSync } from 'node:fs';

import pino, { type Logger } from 'pino';

import { ConfigError } from './config/config-error.ts';

export type { Logger } from 'pino';

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Where finished log lines go; each text ends with a line feed. */
export interface LogDestination {
  write(text: string): void;
}

/** The standard error of this process. Writes at once, so that the last line before an exit is not lost. */
export const STDERR: LogDestination = {
  write(text) {
    writeFully(2, text);
  },
};

/** Writes all of `text`, waiting where the reader of a pipe is slow; gives up when there is no reader. */
function writeFully(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EAGAIN') return;
      // The pipe is full and non-blocking: give its reader a moment instead of spinning.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/**
 * A logger that writes one JSON object a line to stderr: `level` as a word, `time` as ISO 8601, `name`, `msg`.
 *
 * @param options.level - `debug`, `info`, `warn`, `error` or `fatal`; `info` when absent.
 * @throws ConfigError when the level is none that we know.
 */
export function createLogger(options: {
  readonly name: string;
  readonly level?: string | undefined;
  readonly destination?: LogDestination;
}): Logger {
  const level = options.level ?? 'info';
  if (!LEVELS.includes(level))
    throw new ConfigError(`log level "${level}" is none of ${LEVELS.join(', ')}`);
  return pino(
    {
      name: options.name,
      level,
      base: { name: options.name },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    options.destination ?? STDERR,
  );
}
