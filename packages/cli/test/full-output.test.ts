import { expect, test } from 'bun:test';
import { openSync } from 'node:fs';
import { join } from 'node:path';

const CORTEX = join(import.meta.dir, '../bin/cortex');

/** Runs the command with standard output on a full disk. */
function runFull(args: readonly string[], stderr: 'pipe' | number) {
  const ran = Bun.spawnSync([CORTEX, ...args], {
    stdio: ['ignore', openSync('/dev/full', 'w'), stderr],
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { code: ran.exitCode, stderr: ran.stderr?.toString() };
}

test('a command whose standard output is a full disk says so in one line and exits with 1', () => {
  expect(runFull(['--help'], 'pipe')).toEqual({
    code: 1,
    stderr: 'cortex: standard output cannot be written: no space left on the disk\n',
  });
});

test('a command whose standard output and standard error are a full disk exits with 1', () => {
  expect(runFull(['--help'], openSync('/dev/full', 'w')).code).toBe(1);
});
