import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { CloseOptions, Engine } from '../src/engine/engine.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { writeTinyLlama } from './fixtures/tiny-llama.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const modelPath = writeTinyLlama();

const text = (topic: string, count = 120): string =>
  Array.from({ length: count }, (_, index) => `${topic} ${index}`).join(', ');

async function greedy(engine: Engine, prompt: string) {
  const body = { prompt, temperature: 0, max_tokens: 12, ignore_eos: true };
  const { text: written, last } = await answer(engine, body, 'completions');
  if (last.type === 'error') throw new Error(last.message);
  return { text: written, ...last.usage };
}

describe('state across loads', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llama-state-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const load = (overrides: Partial<EngineLoadSpec> = {}) =>
    loadTiny({ modelPath, contextLength: 2048, restoreDir: folder, ...overrides });

  /** Sends each prompt to an engine that is then closed. The answers use cells in their slot. */
  async function save(
    prompts: readonly string[],
    { spec = {}, close = {} }: { spec?: Partial<EngineLoadSpec>; close?: CloseOptions } = {},
  ) {
    const engine = await load(spec);
    const answers = [];
    for (const prompt of prompts) {
      await greedy(engine, prompt);
      answers.push(await greedy(engine, prompt));
    }
    await engine.close(0, { saveDir: folder, ...close });
    return answers;
  }

  const stateFiles = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.endsWith('.state'));

  /** How many tokens of each prompt the next load reuses. */
  async function found(prompts: readonly string[], spec: Partial<EngineLoadSpec> = {}) {
    const engine = await load(spec);
    const cached = [];
    for (const prompt of prompts) cached.push((await greedy(engine, prompt)).cachedTokens);
    await engine.close(0);
    return cached;
  }

  test('continues a conversation after two swaps as if there had been none', async () => {
    const prompts = [text('river'), text('mountain')];
    const before = await save(prompts);
    await save([]);
    const engine = await load();

    for (const [index, prompt] of prompts.entries()) {
      const again = await greedy(engine, prompt);
      expect(again).toEqual(before[index] ?? again);
      expect(again.cachedTokens).toBeGreaterThanOrEqual(again.promptTokens - 2);
    }
    await engine.close(0);
  });

  test('also saves conversations that lost their slot', async () => {
    const prompts = [text('river', 220), text('mountain', 220)];
    await save(prompts, { spec: { slots: 1, promptCacheMib: 64 } });

    expect(await stateFiles()).toHaveLength(2);
    const cached = await found(prompts, { slots: 1, promptCacheMib: 64 });
    expect(Math.min(...cached)).toBeGreaterThan(1024);
  });

  test('writes at most the bound, most recently used first', async () => {
    const prompts = [text('river'), text('mountain')];
    const boundMib = 0.3;
    await save(prompts, { close: { saveMaxMib: boundMib } });

    const [file = '', ...others] = await stateFiles();
    expect(others).toEqual([]);
    expect((await stat(join(folder, file))).size).toBeLessThanOrEqual(boundMib * 1024 * 1024);
    const [river, mountain] = await found(prompts);
    expect(river).toBeLessThan(4);
    expect(mountain).toBeGreaterThan(512);
  });

  for (const [what, spec] of Object.entries({
    'another type of cells': { kvType: 'q8_0' },
    'another context': { contextLength: 1024 },
  } satisfies Record<string, Partial<EngineLoadSpec>>)) {
    test(`deletes state that a load with ${what} cannot use`, async () => {
      await save([text('river')]);
      expect(await stateFiles()).toHaveLength(1);

      expect(await found([text('river')], spec)).toEqual([0]);
      expect(await readdir(folder)).toEqual([]);
    });
  }

  test('ignores the state of a folder that is half written, broken or of another owner', async () => {
    await save([text('river')]);
    const [file = ''] = await stateFiles();
    // The state that a process leaves if it is killed during a write.
    await rm(join(folder, 'index.json'));
    await writeFile(join(folder, 'notes.txt'), 'mine');
    expect(await found([text('river')])).toEqual([0]);
    expect(await readdir(folder)).toEqual(['notes.txt']);

    for (const index of ['', '{"states":', '{"fingerprint":"x","states":[{"file":"../../x"}]}']) {
      await writeFile(join(folder, 'index.json'), index);
      expect(await found([text('river', 20)])).toEqual([0]);
    }

    await save([text('river')]);
    await writeFile(join(folder, file), 'cells');
    const [written = ''] = (await stateFiles()).filter((name) => name !== file);
    const { size } = await stat(join(folder, written));
    await writeFile(join(folder, written), Buffer.alloc(size, 7));
    expect(await found([text('river')])).toEqual([0]);
  });

  test('loses only the state if its folder is not writable', async () => {
    const engine = await load();
    await greedy(engine, text('river'));

    await engine.close(0, { saveDir: '/proc/nowhere' });

    expect(await readdir(folder)).toEqual([]);
  });
});
