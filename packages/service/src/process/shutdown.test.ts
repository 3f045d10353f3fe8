import { afterEach, describe, expect, test } from 'bun:test';

import { createLogger } from '../log.ts';

import { installShutdown, type Shutdown, type ShutdownOptions } from './shutdown.ts';

let shutdown: Shutdown | undefined;
afterEach(() => shutdown?.dispose());

/** An installed shutdown whose exit and clock are under control. */
function install(drain: ShutdownOptions['drain']) {
  const exits: number[] = [];
  const time = { nowMs: 0 };
  const { promise: exited, resolve } = Promise.withResolvers<number>();
  shutdown = installShutdown({
    graceMs: () => 2000,
    log: createLogger({ name: 'test', level: 'silent' }),
    drain,
    exit: (code) => {
      exits.push(code);
      resolve(code);
    },
    nowMs: () => time.nowMs,
  });
  return { installed: shutdown, exits, exited, time };
}

const never = (): Promise<void> => Promise.withResolvers<void>().promise;

describe('the first signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s drains within the grace period and exits with 0',
    async (signal) => {
      const graces: number[] = [];
      const { installed, exited } = install((graceMs) => {
        graces.push(graceMs);
        return Promise.resolve();
      });

      process.emit(signal);

      expect(installed.signal.aborted).toBe(true);
      expect(await exited).toBe(0);
      expect(graces).toEqual([2000]);
    },
  );

  test('exits with 1 if draining fails', async () => {
    const { exited } = install(() => Promise.reject(new Error('stuck')));

    process.emit('SIGTERM');

    expect(await exited).toBe(1);
  });
});

describe('a second signal', () => {
  test('within a second counts as the same Ctrl-C', () => {
    const { exits, time } = install(never);

    process.emit('SIGINT');
    time.nowMs = 999;
    process.emit('SIGINT');
    process.emit('SIGTERM');

    expect(exits).toEqual([]);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s after one second ends the process with %i', (signal, code) => {
    const { exits, time } = install(never);

    process.emit('SIGINT');
    time.nowMs = 1000;
    process.emit(signal);

    expect(exits).toEqual([code]);
  });
});

test('a shutdown that the program itself begins drains once', async () => {
  let drains = 0;
  const { installed, exited } = install(() => {
    drains += 1;
    return Promise.resolve();
  });

  installed.begin('parent has ended');
  installed.begin('parent has ended');
  process.emit('SIGTERM');

  expect(await exited).toBe(0);
  expect(drains).toBe(1);
  expect(installed.signal.reason).toEqual(new Error('parent has ended'));
});
