import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';

import { DAEMON_ENV, fixture, readReadyFile, temporaryPaths } from './running.ts';

const temporaryPath = temporaryPaths();

/** More than the pipe (64 KiB) and the memory buffer (256 KiB) hold: a line of 1 KiB per request. */
const REQUESTS = 600;
const LONG_PATH = `/${'x'.repeat(1000)}`;

async function start(stderr: number | 'pipe') {
  const readyFile = temporaryPath();
  const child = Bun.spawn([process.execPath, fixture('daemon.ts'), readyFile], {
    stdio: ['ignore', 'ignore', stderr],
    env: DAEMON_ENV,
  });
  return { child, url: (await readReadyFile(readyFile)).api };
}

async function ask(url: string, requests: number): Promise<number> {
  let answered = 0;
  for (let count = 0; count < requests; count += 1) {
    const response = await fetch(url + LONG_PATH);
    if ((await response.text()) === 'ok') answered += 1;
  }
  return answered;
}

/** A pipe that nothing reads yet. */
function createPipe(): { readonly write: number; readonly read: number } {
  const path = temporaryPath();
  spawnSync('mkfifo', [path]);
  const read = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  return { read, write: openSync(path, constants.O_WRONLY) };
}

function readAvailable(fd: number): string {
  const buffer = Buffer.alloc(64 << 10);
  let text = '';
  for (;;) {
    try {
      text += buffer.toString('utf8', 0, readSync(fd, buffer));
    } catch {
      // EAGAIN: no more data for now.
      return text;
    }
  }
}

describe('a daemon answers every request and ends on SIGTERM if its stderr', () => {
  const kinds: [string, () => number | 'pipe'][] = [
    ['is a pipe that nothing reads', () => createPipe().write],
    ['is a socket that nothing reads', () => 'pipe'],
    ['is on a full disk', () => openSync('/dev/full', 'w')],
    [
      'is a pipe whose reader has closed it',
      () => {
        const { read, write } = createPipe();
        closeSync(read);
        return write;
      },
    ],
  ];
  test.each(kinds)('%s', async (_, open) => {
    const { child, url } = await start(open());

    expect(await ask(url, REQUESTS)).toBe(REQUESTS);
    child.kill('SIGTERM');

    expect(await child.exited).toBe(0);
  });
});

interface Line {
  readonly msg: string;
  /** The number of dropped lines in a line that reports a loss. */
  readonly lines?: number;
}

const parseLines = (log: string): Line[] =>
  log
    .split('\n')
    .slice(0, -1)
    .map((line): Line => JSON.parse(line));

const sumDropped = (log: string): number =>
  parseLines(log).reduce((sum, { lines = 0 }) => sum + lines, 0);

test('every log line is either written or counted as dropped once the pipe is read again', async () => {
  const pipe = createPipe();
  const { child, url } = await start(pipe.write);
  let asked = await ask(url, REQUESTS);

  let log = '';
  const written = (): number => parseLines(log).filter(({ msg }) => msg === 'asked').length;
  while (written() + sumDropped(log) < asked) {
    asked += await ask(url, 1);
    log += readAvailable(pipe.read);
  }
  child.kill('SIGTERM');

  expect(await child.exited).toBe(0);
  expect(sumDropped(log)).toBeGreaterThan(100);
});
