import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';

import { StateWriter } from './state-writer.ts';

function createWriter() {
  const folder = join(temporaryFolder('state-writer'), 'state');
  const said: string[] = [];
  const say = (level: string) => (fields: unknown, message?: string) => {
    said.push(`${level}: ${message ?? JSON.stringify(fields)}`);
  };
  const writer = new StateWriter({ warn: say('warn'), info: say('info') });
  return { writer, folder, said };
}

test('StateWriter creates a removed folder again to write a file', () => {
  const { writer, folder, said } = createWriter();
  const path = join(folder, 'engines', '1.json');
  writer.write(path, 'a');
  rmSync(folder, { recursive: true });

  expect(writer.write(path, 'b')).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('b');
  expect(said).toEqual([]);
});

test('StateWriter logs once that the state folder is not writable, and once that it is again', () => {
  const { writer, folder, said } = createWriter();
  // Stands for a disk that is full: every write below it fails.
  writeFileSync(folder, '');

  const written = [1, 2, 3].map((n) => writer.write(join(folder, 'probe', `${n}.json`), ''));
  rmSync(folder);
  writer.makeFolder(join(folder, 'slots'));

  expect(written).toEqual([false, false, false]);
  expect(said).toHaveLength(2);
  expect(said[0]).toStartWith('warn: state_dir is not writable');
  expect(said[1]).toBe('info: state_dir is writable again');
});
