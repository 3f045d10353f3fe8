import { describe, expect, test } from 'bun:test';

import { createLogger } from './log.ts';

function logTo(level?: string) {
  const lines: string[] = [];
  const log = createLogger({
    name: 'cortex',
    level,
    destination: { write: (text) => lines.push(text) },
  });
  return { log, read: (): unknown[] => lines.map((line) => JSON.parse(line)) };
}

test('a log line is JSON with level, time, name, message and fields', () => {
  const { log, read } = logTo();

  log.warn({ node: 'beast' }, 'node is down');

  expect(read()).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      name: 'cortex',
      node: 'beast',
      msg: 'node is down',
    },
  ]);
});

test('an error is logged with its causes', () => {
  const { log, read } = logTo();

  log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');

  expect(JSON.stringify(read())).toContain('inner');
});

describe('the log level', () => {
  test('is info by default', () => {
    const { log, read } = logTo();

    log.debug('no');
    log.info('yes');

    expect(read()).toHaveLength(1);
  });

  test('is the configured one, and an unknown one is refused', () => {
    const { log, read } = logTo('debug');

    log.debug('yes');

    expect(read()).toHaveLength(1);
    expect(() => logTo('loud')).toThrow('CORTEX_LOG: "loud" is not a log level: use trace, debug');
  });
});
