import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { expect, test } from 'bun:test';

import type { LoadMode } from '../src/engine/load.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { answer, TINY_MODEL, TINY_SPEC } from './llama-under-test.ts';

const never = () => new AbortController().signal;

/** Whether this process has mapped the file of the model. */
const isMapped = (): boolean => readFileSync('/proc/self/maps', 'utf8').includes(TINY_MODEL);

/** What `direct` becomes on the file system of the model. */
function directHere(): LoadMode {
  try {
    closeSync(openSync(TINY_MODEL, constants.O_RDONLY | constants.O_DIRECT));
    return 'direct';
  } catch {
    return 'read';
  }
}

test('a file is mapped only in the load mode "mmap", and every mode loads the same weights', async () => {
  const seen = [];
  for (const loadMode of ['mmap', 'read', 'direct', undefined] as const) {
    const engine = createLlamaEngine();
    const loaded = await engine.load({ ...TINY_SPEC, loadMode }, () => undefined, never());
    const body = { prompt: 'cortex is', temperature: 0, max_tokens: 12 };
    const { text } = await answer(engine, body, 'completions');
    seen.push({ mode: loaded.loadMode, isMapped: isMapped(), text });
    await engine.close(0);
  }

  const text = seen[0]?.text ?? '';
  expect(text).not.toBe('');
  expect(seen).toEqual([
    { mode: 'mmap', isMapped: true, text },
    { mode: 'read', isMapped: false, text },
    { mode: directHere(), isMapped: false, text },
    { mode: 'read', isMapped: false, text },
  ]);
});
