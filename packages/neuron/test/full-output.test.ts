import { expect, test } from 'bun:test';
import { openSync } from 'node:fs';
import { join } from 'node:path';

test('a neuron command whose standard output is a full disk says so in one line and exits with 1', () => {
  const { exitCode, stderr } = Bun.spawnSync([join(import.meta.dir, '../bin/neuron'), '--help'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  });

  expect(stderr.toString()).toBe(
    'neuron: standard output cannot be written: no space left on the disk\n',
  );
  expect(exitCode).toBe(1);
});
