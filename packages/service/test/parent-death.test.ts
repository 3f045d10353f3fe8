import { describe, expect, test } from 'bun:test';

import { spawnChild } from '../src/index.ts';

import { DAEMON_ENV, ended, fixture, isRunning, readReadyFile, temporaryPaths } from './running.ts';

const temporaryPath = temporaryPaths();

/** How long a child may take to notice and end. */
const SOON_MS = 2000;

test('kill -9 of a parent ends every child it has started', async () => {
  const readyFiles = [temporaryPath(), temporaryPath()];
  const parent = Bun.spawn([process.execPath, fixture('parent.ts'), ...readyFiles], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: DAEMON_ENV,
  });
  const children = await Promise.all(readyFiles.map(readReadyFile));

  parent.kill('SIGKILL');

  for (const { pid } of children) expect(await ended(pid)).toBeLessThan(SOON_MS);
});

function start(...args: string[]) {
  const readyFile = temporaryPath();
  const lines: string[] = [];
  const child = spawnChild({
    command: [process.execPath, fixture('daemon.ts'), readyFile, ...args],
    env: DAEMON_ENV,
    onLine: (line, stream) => lines.push(`${stream}: ${line}`),
  });
  return { child, readyFile, lines };
}

describe('a child process', () => {
  test('runs as long as its parent, which receives its lines', async () => {
    const { child, readyFile, lines } = start();
    const ready = await readReadyFile(readyFile);

    expect(ready.pid).toBe(child.pid);
    expect(isRunning(child.pid)).toBe(true);
    child.kill('SIGTERM');

    expect(await child.exited).toEqual({ code: 0, text: 'exit code 0' });
    expect(lines[0]).toStartWith('stdout: listening with');
    expect(lines.at(-1)).toContain('stderr: {"level":"info"');
  });

  test('that exits by itself reports its exit code', async () => {
    expect(await start('quick', 'exit').child.exited).toEqual({ code: 7, text: 'exit code 7' });
  });

  test('that is killed reports the signal', async () => {
    expect(await start('quick', 'signal').child.exited).toEqual({ code: 137, text: 'SIGKILL' });
  });

  test('that has ended can be killed without effect', async () => {
    const { child } = start('quick', 'exit');
    await child.exited;

    expect(() => child.kill('SIGKILL')).not.toThrow();
  });
});

test('starting a program that does not exist is an error at once', () => {
  expect(() => spawnChild({ command: ['/nowhere/at-all'], onLine: () => undefined })).toThrow();
});

const countDescriptors = (): Promise<number> =>
  Array.fromAsync(new Bun.Glob('*').scan({ cwd: '/proc/self/fd', onlyFiles: false })).then(
    (names) => names.length,
  );
const runChild = () => spawnChild({ command: ['true'], onLine: () => undefined }).exited;

test('starting and ending many children leaves no descriptors open', async () => {
  await runChild();
  const before = await countDescriptors();

  for (let times = 0; times < 5; times += 1) await runChild();
  Bun.gc(true);

  expect(await countDescriptors()).toBeLessThan(before + 5);
});
