import pino, { type Logger } from 'pino';

import { ConfigError } from './config/config-error.ts';
import { LineSink, type LogDestination } from './line-sink.ts';

export type { Logger } from 'pino';
export type { LogDestination } from './line-sink.ts';

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** The standard error of this process. Writes never block; lines that cannot be written are dropped and counted. */
export const STDERR: LogDestination = new LineSink(2, (lines) => {
  const record = {
    level: 'warn',
    time: new Date().toISOString(),
    lines,
    msg: `${lines} log lines were dropped because stderr was full or closed`,
  };
  return `${JSON.stringify(record)}\n`;
});

/**
 * A logger that writes one JSON object per line to stderr: `level` as a word, `time` as ISO 8601, `name`, `msg`.
 *
 * @param options.level - `debug`, `info`, `warn`, `error` or `fatal`; `info` when absent.
 * @throws ConfigError naming the variable (`CORTEX_LOG`) if the level is unknown.
 */
export function createLogger(options: {
  readonly name: string;
  readonly level?: string | undefined;
  readonly destination?: LogDestination;
}): Logger {
  const level = options.level ?? 'info';
  if (!LEVELS.includes(level)) {
    const variable = `${options.name.toUpperCase()}_LOG`;
    throw new ConfigError(`${variable}: "${level}" is not a log level: use ${LEVELS.join(', ')}`);
  }
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
