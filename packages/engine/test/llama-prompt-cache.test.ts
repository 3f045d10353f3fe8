import { describe, expect, test } from 'bun:test';
import { readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { spawnEngine } from '../src/transport/spawn-engine.ts';
import { writeTinyLlama } from './fixtures/tiny-llama.ts';
import { answer, loadTiny, TINY_SPEC } from './llama-under-test.ts';

const RAM_ROOT = '/dev/shm';
const CONTEXT = { modelPath: writeTinyLlama(), contextLength: 4096, promptCacheMib: 64 };

const text = (topic: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${topic} ${index}`).join(', ');

/** A conversation that grows by a turn, with the answers of earlier turns. */
class Conversation {
  #prompt: string;
  readonly #topic: string;
  #turns = 0;
  /** Tokens of its last prompt. */
  #historyTokens = 0;

  constructor(topic: string, count = 220) {
    this.#topic = topic;
    this.#prompt = text(topic, count);
  }

  async turn(engine: Engine) {
    this.#turns++;
    const prompt = this.#turns === 1 ? this.#prompt : `${this.#prompt}\n${this.#topic} again.`;
    const asked = { prompt, temperature: 0, max_tokens: 12, ignore_eos: true };
    const { text: written, last } = await answer(engine, asked, 'completions');
    if (last.type === 'error') throw new Error(last.message);
    const before = this.#historyTokens;
    const { cachedTokens, promptTokens } = last.usage;
    this.#prompt = prompt + written;
    this.#historyTokens = promptTokens;
    return { written, before, cachedTokens, promptTokens };
  }
}

const short = async (engine: Engine, topic: string) => {
  const body = { prompt: text(topic, 12), temperature: 0, max_tokens: 4 };
  const { last } = await answer(engine, body, 'completions');
  if (last.type === 'error') throw new Error(last.message);
  return last.usage;
};

/** Tokens at the boundary of two texts that may differ when they are tokenized as one, or agree by chance. */
const SEAM = 4;

/** The cache folders of engines in this process. */
const cacheFolders = async (pid = process.pid): Promise<string[]> => {
  const names = await readdir(RAM_ROOT);
  return names
    .filter((name) => name.startsWith('cortex-cells-') && name.includes(`-${pid}-`))
    .map((name) => join(RAM_ROOT, name));
};

describe('the prompt cache', () => {
  test('restores all cells of two long conversations that alternate on one slot, and never those of the other', async () => {
    const engine = await loadTiny({ ...CONTEXT, slots: 1 });
    // With one slot each, no cells are saved or read.
    const roomy = await loadTiny({ ...CONTEXT, slots: 2, promptCacheMib: 0 });
    const alternating = [new Conversation('river'), new Conversation('mountain')];
    const apart = [new Conversation('river'), new Conversation('mountain')];
    try {
      for (let round = 0; round < 3; round++) {
        for (const [index, conversation] of alternating.entries()) {
          const turn = await conversation.turn(engine);
          const reference = await apart[index]?.turn(roomy);

          if (round === 0) expect(turn.cachedTokens).toBeLessThan(SEAM);
          else expect(turn).toEqual(reference ?? turn);
          expect(turn.cachedTokens).toBeGreaterThanOrEqual(turn.before - SEAM);
        }
      }
      expect((await engine.stats()).promptCache).toMatchObject({ entries: 2, hits: 4 });
    } finally {
      await engine.close(0);
      await roomy.close(0);
    }
  });

  for (const slots of [1, 2]) {
    test(`keeps the prompt of a main conversation with subagents and title calls between its turns: ${slots} slots`, async () => {
      const engine = await loadTiny({ ...CONTEXT, slots });
      const main = new Conversation('main', 300);
      const agents = [new Conversation('agent', 200), new Conversation('helper', 200)];
      try {
        for (let round = 0; round < 3; round++) {
          const turn = await main.turn(engine);
          if (round > 0) expect(turn.cachedTokens).toBeGreaterThanOrEqual(turn.before - SEAM);
          await Promise.all([
            short(engine, `title ${round}`),
            ...agents.map((one) => one.turn(engine)),
          ]);
        }
        for (const agent of agents) {
          const turn = await agent.turn(engine);
          expect(turn.cachedTokens).toBeGreaterThanOrEqual(turn.before - SEAM);
        }
      } finally {
        await engine.close(0);
      }
    });
  }

  test('keeps within its bound, and drops the least recently used conversation', async () => {
    // About 0.4 MiB per conversation.
    const boundMib = 0.8;
    const engine = await loadTiny({ ...CONTEXT, slots: 1, promptCacheMib: boundMib });
    const topics = ['river', 'mountain', 'forest', 'desert'].map((name) => new Conversation(name));
    try {
      for (const topic of topics) await topic.turn(engine);

      const { promptCache } = await engine.stats();
      expect(promptCache?.bytes).toBeGreaterThan(0);
      expect(promptCache?.bytes).toBeLessThanOrEqual(boundMib * 1024 * 1024);
      const [oldest, , newest] = topics;
      const kept = await newest?.turn(engine);
      expect(kept?.cachedTokens).toBeGreaterThanOrEqual((kept?.before ?? 0) - SEAM);
      expect((await oldest?.turn(engine))?.cachedTokens).toBeLessThan(SEAM);
    } finally {
      await engine.close(0);
    }
  });

  test('loses only the cells concerned on a full file system or a broken file', async () => {
    const engine = await loadTiny({ ...CONTEXT, slots: 1 });
    const [folder = ''] = await cacheFolders();
    try {
      const [river, mountain] = [new Conversation('river'), new Conversation('mountain')];
      // Writes to it fail as on a full file system.
      await symlink('/dev/full', join(folder, '0.state'));
      await river.turn(engine);
      await mountain.turn(engine);
      expect((await engine.stats()).promptCache?.entries).toBe(0);
      expect((await river.turn(engine)).cachedTokens).toBeLessThan(SEAM);

      for (const name of await readdir(folder)) await rm(join(folder, name));
      expect((await mountain.turn(engine)).cachedTokens).toBeLessThan(SEAM);
      const back = await river.turn(engine);
      expect(back.cachedTokens).toBeGreaterThanOrEqual(back.before - SEAM);
    } finally {
      await engine.close(0);
    }
  });

  test('leaves nothing in RAM after a close or after the engine was killed', async () => {
    const killed = await spawnEngine();
    const spec: EngineLoadSpec = { ...TINY_SPEC, ...CONTEXT, slots: 1 };
    await killed.load(spec, () => undefined, new AbortController().signal);
    for (const topic of ['river', 'mountain']) await new Conversation(topic).turn(killed);
    expect(await cacheFolders(killed.pid)).toHaveLength(1);
    killed.kill();
    await killed.ended;

    const next = await loadTiny({ ...CONTEXT, slots: 1 });

    expect(await cacheFolders(killed.pid)).toEqual([]);
    expect(await cacheFolders()).toHaveLength(1);
    await next.close(0);
    expect(await cacheFolders()).toEqual([]);
  });
});
