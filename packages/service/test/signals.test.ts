import { describe, expect, test } from 'bun:test';

import { DAEMON_ENV, fixture, readReadyFile, temporaryPaths } from './running.ts';

const temporaryPath = temporaryPaths();

/** A running daemon, and its stderr once it has ended. */
async function start(drain: 'quick' | 'never') {
  const readyFile = temporaryPath();
  const child = Bun.spawn([process.execPath, fixture('daemon.ts'), readyFile, drain], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: DAEMON_ENV,
  });
  await readReadyFile(readyFile);
  return { child, log: new Response(child.stderr).text() };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends a daemon with exit code 0', async (signal) => {
  const { child, log } = await start('quick');

  child.kill(signal);

  expect(await child.exited).toBe(0);
  expect(await log).toContain('"msg":"ended"');
});

test('a Ctrl-C that is delivered twice counts once', async () => {
  const { child } = await start('quick');

  child.kill('SIGINT');
  child.kill('SIGINT');

  expect(await child.exited).toBe(0);
});

test('a second signal after one second ends a daemon that does not drain', async () => {
  const { child, log } = await start('never');

  child.kill('SIGTERM');
  const again = setInterval(() => child.kill('SIGTERM'), 1050);
  const code = await child.exited;
  clearInterval(again);

  expect(code).toBe(143);
  expect(await log).toContain('second signal');
});

test('a daemon that does not drain ends by itself a few seconds after its grace period', async () => {
  const { child, log } = await start('never');

  child.kill('SIGTERM');

  expect(await child.exited).toBe(1);
  expect(await log).toContain('shutdown took too long');
}, 10_000);

describe('an uncaught error ends a daemon', () => {
  test.each(['rejection', 'exception'])('%s is logged and the exit code is 1', async (fault) => {
    const child = Bun.spawn(
      [process.execPath, fixture('daemon.ts'), temporaryPath(), 'quick', fault],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: DAEMON_ENV,
      },
    );

    const log = await new Response(child.stderr).text();

    expect(await child.exited).toBe(1);
    const line: unknown = JSON.parse(log.trim().split('\n').at(-1) ?? '');
    expect(line).toMatchObject({ level: 'fatal', err: { message: 'uncaught test error' } });
  });
});

test('a daemon refuses to start without its launcher and names the variable', async () => {
  const child = Bun.spawn([process.execPath, fixture('daemon.ts'), temporaryPath()], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: undefined },
  });

  expect(await new Response(child.stderr).text()).toContain('BUN_CONFIG_MAX_HTTP_REQUESTS');
  expect(await child.exited).toBe(1);
});
