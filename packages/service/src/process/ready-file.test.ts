import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { writeReadyFile } from './ready-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'ready-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the file appears whole, in folders that are made, and leaves nothing else', () => {
  const path = join(folder, 'a/b/ready.json');

  writeReadyFile(path, { pid: 1, api: 'http://x' });

  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: 1, api: 'http://x' });
  expect(readdirSync(join(folder, 'a/b'))).toEqual(['ready.json']);
});

test('a reader never sees a part of it, however large it is', async () => {
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

test('an older one is replaced', () => {
  const path = join(folder, 'again.json');

  writeReadyFile(path, { pid: 1 });
  writeReadyFile(path, { pid: 2 });

  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: 2 });
});
