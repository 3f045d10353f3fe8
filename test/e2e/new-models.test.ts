import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { post } from './ask.ts';
import { ROOT, startUp, type Up, Workspace } from './start-up.ts';

const TINY = join(ROOT, 'models', 'cortex-tiny.gguf');

describe('a model file that is added to the models folder while cortex up runs', () => {
  let up: Up;
  let modelsDir: string;
  beforeAll(async () => {
    const workspace = new Workspace();
    ({ modelsDir } = workspace);
    up = await startUp({ workspace });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  const ask = async (model: string): Promise<number> =>
    (await post(up.api, { model, max_tokens: 1 })).status;

  test('is served at the first request that names it, even right after a 404', async () => {
    expect(await ask('fresh')).toBe(404);
    copyFileSync(TINY, join(modelsDir, 'fresh.gguf'));

    expect(await ask('fresh')).toBe(200);
  });

  test('gets 404 while it is a hidden or incomplete copy, and is served after it is renamed', async () => {
    copyFileSync(TINY, join(modelsDir, '.later.gguf.abc'));
    writeFileSync(join(modelsDir, '._later.gguf'), readFileSync(TINY).subarray(0, 4096));
    expect([await ask('later'), await ask('._later')]).toEqual([404, 404]);

    renameSync(join(modelsDir, '.later.gguf.abc'), join(modelsDir, 'later.gguf'));

    expect(await ask('later')).toBe(200);
  });
});
