import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CortexError } from '@cortex/protocol';
import { text } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyLora } from '@cortex/testkit/gguf/tiny-lora';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { loadTiny, TINY_MODEL } from './llama-under-test.ts';

describe('a broken model file', () => {
  let folder: string;
  let whole: Buffer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'broken-gguf-'));
    whole = await readFile(TINY_MODEL);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function failureOf(name: string, content: Uint8Array): Promise<CortexError> {
    const modelPath = join(folder, name);
    await writeFile(modelPath, content);
    const thrown = await loadTiny({ modelPath }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (thrown instanceof CortexError) return thrown;
    throw new Error(`expected a CortexError, got ${String(thrown)}`);
  }

  test.each([
    ['empty.gguf', () => Buffer.alloc(0), /0 bytes/],
    ['magic.gguf', () => Buffer.alloc(4096, 'x'), /not begin with "GGUF"/],
    [
      'version.gguf',
      () => Buffer.concat([Buffer.from('GGUF\x09\0\0\0'), Buffer.alloc(64)]),
      /version 9/,
    ],
    ['header.gguf', () => whole.subarray(0, 2000), /./],
    ['half.gguf', () => whole.subarray(0, whole.length >> 1), /./],
    [
      'counts.gguf',
      () => Buffer.concat([whole.subarray(0, 8), Buffer.alloc(16, 0xff), whole.subarray(24)]),
      /./,
    ],
  ])('(%s) fails to load with an error that names file and cause', async (name, content, cause) => {
    const error = await failureOf(name, content());

    expect(error.code).toBe('model_load_failed');
    expect(error.status).toBe(422);
    expect(error.message).toContain(name);
    expect(error.message).toMatch(cause);
    expect(error.message).not.toContain('\n');
  });

  test('an unknown architecture is named in the error, with and without weights', async () => {
    const strange = changed(await readGguf(whole), { 'general.architecture': text('newarch9') });
    const modelPath = writeModel(strange, folder, 'newarch.gguf');

    for (const vocabOnly of [true, false]) {
      await expect(loadTiny({ modelPath, vocabOnly })).rejects.toMatchObject({
        code: 'model_load_failed',
        message: expect.stringMatching(/newarch\.gguf.*architecture.*newarch9/),
        details: { extra: { unknown_architecture: true } },
      });
    }
  });

  test('a LoRA adapter in place of a model is reported as an adapter', async () => {
    const modelPath = writeModel(tinyLora(), folder, 'style.gguf');

    await expect(loadTiny({ modelPath })).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('is a LoRA adapter'),
    });
  });

  test('a missing device fails the load instead of falling back to another', async () => {
    const thrown = await loadTiny({ backend: 'metal' }).then(
      () => undefined,
      (error: unknown) => error,
    );

    expect(thrown).toMatchObject({ code: 'model_load_failed' });
    expect(String(thrown)).toContain('metal');
  });
});
