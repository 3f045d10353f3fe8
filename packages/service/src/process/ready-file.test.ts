import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { writeReadyFile } from './ready-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'ready-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the ready file appears complete, its folders are created, and no other file remains', () => {
  const path = join(folder, 'a/b/ready.json');

  writeReadyFile(path, { pid: 1, api: 'http://x' });

  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: 1, api: 'http://x' });
  expect(readdirSync(join(folder, 'a/b'))).toEqual(['ready.json']);
});

test('a reader never sees part of a ready file, however large it is', async () => {
  const path = join(folder, 'large.json');
  const content = { text: 'x'.repeat(4 << 20) };
  const { promise, resolve } = Promise.withResolvers<string>();
  const watcher = watch(folder, (_, name) => {
    if (name === 'large.json') resolve(readFileSync(path, 'utf8'));
  });

  writeReadyFile(path, content);
  const seen = await promise;
  watcher.close();

  expect(JSON.parse(seen)).toEqual(content);
});

test('an older ready file is replaced', () => {
  const path = join(folder, 'again.json');

  writeReadyFile(path, { pid: 1 });
  writeReadyFile(path, { pid: 2 });

  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: 2 });
});
