import { describe, expect, test } from 'bun:test';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';

import { done, range, setUp } from './scheduler-under-test.ts';

/** Tokens that no other topic shares, above the limit for saving. */
const talk = (topic: number, length = 1300): number[] => range(length, topic * 10_000);

const CACHED = { slots: 1, contextTokens: 4096, cacheTokens: 10_000 };

describe('admission', () => {
  test('continues a conversation that lost its slot from its saved cells', async () => {
    const { context, send, scheduler } = setUp(CACHED);
    await send({ prompt: talk(1) }).last;
    await send({ prompt: talk(2) }).last;

    const back = await send({ prompt: [...talk(1), 7, 7, 7, 5, 6] }).last;

    expect(back).toMatchObject(done({ cachedTokens: 1303 }));
    expect(context.sequences.get(0)?.slice(0, 1305)).toEqual([...talk(1), 7, 7, 7, 5, 6]);
    expect(scheduler.stats().promptCache).toMatchObject({ entries: 2, hits: 1 });
  });

  test('decodes a short conversation that lost its slot again', async () => {
    const { send, scheduler } = setUp(CACHED);
    await send({ prompt: talk(1, 900) }).last;
    await send({ prompt: talk(2) }).last;

    expect(await send({ prompt: talk(1, 900) }).last).toMatchObject(done({ cachedTokens: 0 }));
    expect(scheduler.stats().promptCache?.entries).toBe(1);
  });

  test('also saves the slots of further choices', async () => {
    const { send } = setUp({ ...CACHED, slots: 2 });
    await Promise.all([send({ prompt: talk(1) }).last, send({ prompt: talk(2) }).last]);
    await send({ prompt: talk(3), n: 2 }).last;

    for (const topic of [1, 2]) {
      const back = await send({ prompt: talk(topic) }).last;
      expect(back).toMatchObject(done({ cachedTokens: 1299 }));
    }
  });

  test('skips files that cannot be written, and logs it once', async () => {
    const { context, send, logged, folder } = setUp(CACHED);
    context.failFile = () => {
      throw new Error('no space');
    };
    for (const topic of [1, 2, 1, 2]) {
      const last = await send({ prompt: talk(topic) }).last;
      expect(last).toMatchObject(done({ cachedTokens: 0 }));
    }

    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('no space');
    expect(await readdir(folder?.path ?? '')).toEqual([]);
  });

  test('keeps the previous turn when the next one cannot be written', async () => {
    const { context, send } = setUp(CACHED);
    await send({ prompt: talk(1) }).last;
    await send({ prompt: talk(2) }).last;
    await send({ prompt: talk(1, 1400) }).last;
    let writes = 0;
    context.failFile = (path) => {
      // Fails the write of the second turn, when the slot goes to another conversation. Later reads succeed.
      if (!path.endsWith('0.state') && ++writes === 1) throw new Error('no space');
    };
    await send({ prompt: talk(3) }).last;

    const back = await send({ prompt: talk(1, 1400) }).last;

    expect(writes).toBeGreaterThan(0);
    expect(back).toMatchObject(done({ cachedTokens: 1300 }));
  });

  test('drops a file that cannot be read, and decodes its prompt', async () => {
    const { context, send, logged, scheduler } = setUp(CACHED);
    await send({ prompt: talk(1) }).last;
    await send({ prompt: talk(2) }).last;
    context.failFile = (path) => {
      if (path.endsWith('0.state')) throw new Error('broken');
    };

    expect(await send({ prompt: talk(1) }).last).toMatchObject(done({ cachedTokens: 0 }));
    expect(logged).toHaveLength(1);
    expect(scheduler.stats().promptCache).toMatchObject({ entries: 1, hits: 0 });
  });

  test('ends a request that is cancelled while its cells are read, and its slot serves the next request', async () => {
    const { context, send, scheduler } = setUp(CACHED);
    await send({ prompt: talk(1) }).last;
    await send({ prompt: talk(2) }).last;
    const restored = send({ prompt: talk(1) });
    const waiting = send({ prompt: talk(3) });
    const steps = context.steps.length;
    context.failFile = () => {
      context.failFile = undefined;
      restored.abort.abort();
    };

    expect(await restored.last).toMatchObject({ finish: [{ reason: 'cancelled' }] });
    expect(context.steps).toHaveLength(steps);
    expect(await waiting.last).toMatchObject(done({ completionTokens: 4 }));
    expect(scheduler.stats()).toMatchObject({ busySlots: 0, queueDepth: 0 });
  });

  test('gives a running stream a token between two admissions that read or write files', async () => {
    const { context, send } = setUp({ ...CACHED, slots: 3 });
    await Promise.all([1, 2].map((topic) => send({ prompt: talk(topic) }).last));
    const stream = send({ prompt: [1, 2], maxTokens: 60 });
    await new Promise<void>((resolve) => (context.onStep = resolve));
    context.onStep = undefined;
    const moves: number[] = [];
    context.failFile = () => void moves.push(context.steps.length);

    await Promise.all([3, 4].map((topic) => send({ prompt: talk(topic) }).last));

    expect(moves).toHaveLength(2);
    expect(new Set(moves).size).toBe(2);
    expect(context.steps.slice(moves[0], moves[1]).every((step) => step.has(2))).toBe(true);
    stream.abort.abort();
    await stream.last;
  });

  test('close waits for the file that is being written', async () => {
    const { context, send, scheduler } = setUp(CACHED);
    await send({ prompt: talk(1) }).last;
    let write = (): void => undefined;
    const isWriting = new Promise<void>((resolve) => {
      context.failFile = () => {
        resolve();
        return new Promise<void>((go) => (write = go));
      };
    });
    const { last } = send({ prompt: talk(2) });
    await isWriting;
    let isClosed = false;
    const closed = scheduler.close(0).then(() => (isClosed = true));
    await new Promise((resolve) => setImmediate(resolve));

    expect(isClosed).toBe(false);
    write();
    await closed;
    expect(await last).toBeDefined();
    expect(scheduler.stats()).toMatchObject({ busySlots: 0, queueDepth: 0 });
  });
});

describe('with cells that cannot be cut,', () => {
  const RECURRENT = { slots: 1, contextTokens: 4096, isRecurrent: true };

  test('a repeated prompt continues from the checkpoint before its end', async () => {
    const { send } = setUp(RECURRENT);
    await send({ prompt: range(400) }).last;

    expect(await send({ prompt: range(400) }).last).toMatchObject(done({ cachedTokens: 392 }));
  });

  test('an edited message continues from the previous turn', async () => {
    const { send } = setUp(RECURRENT);
    const turn = [...range(400), 7, 7, 7];
    await send({ prompt: range(400) }).last;
    await send({ prompt: [...turn, ...range(300, 5000)] }).last;

    const other = await send({ prompt: [...turn, ...range(300, 8000)] }).last;

    expect(other).toMatchObject(done({ cachedTokens: 392 }));
  });

  test('checkpoints of discarded text are dropped', async () => {
    const { send } = setUp(RECURRENT);
    await send({ prompt: range(400) }).last;
    await send({ prompt: [...range(400), ...range(300, 5000)] }).last;
    const other = [...range(400), ...range(300, 8000)];
    await send({ prompt: other }).last;

    expect(await send({ prompt: other }).last).toMatchObject(done({ cachedTokens: 692 }));
  });

  test('checkpoints move to the cache with a conversation that loses its slot, and return with it', async () => {
    const { send } = setUp({ ...RECURRENT, cacheTokens: 10_000 });
    await send({ prompt: talk(1) }).last;
    await send({ prompt: talk(2) }).last;

    expect(await send({ prompt: talk(1) }).last).toMatchObject(done({ cachedTokens: 1292 }));
  });
});

test('any mix of reuse, copies, saves, reads and cancels answers each prompt from its own tokens', async () => {
  const request = fc.record({
    topic: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 1, max: 1800 }),
    tail: fc.integer({ min: 0, max: 2 }),
    n: fc.constantFrom(1, 1, 1, 2),
    maxTokens: fc.integer({ min: 1, max: 6 }),
    isKey: fc.boolean(),
    cancelAtStep: fc.option(fc.integer({ min: 1, max: 60 })),
  });
  const setting = fc.record({
    slots: fc.integer({ min: 2, max: 3 }),
    isRecurrent: fc.boolean(),
    cacheTokens: fc.constantFrom(1500, 4000, 20_000),
    failsEvery: fc.constantFrom(0, 3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 14 }), setting, async (requests, setting) => {
      const { context, scheduler, send, folder, slots } = setUp({
        ...setting,
        contextTokens: 4096,
      });
      let files = 0;
      context.failFile = () => {
        if (setting.failsEvery > 0 && ++files % setting.failsEvery === 0) throw new Error('full');
      };
      const prompts = requests.map(({ topic, length, tail }) => [
        ...talk(topic, length),
        ...range(tail * 40, tail * 1000),
      ]);
      const sampled = new Set<number>();
      const wrong: number[] = [];
      context.onSample = ({ config: { seed } }, sequence) => {
        if (sampled.has(seed)) return;
        sampled.add(seed);
        if (sequence.join() !== prompts[Math.floor(seed / 10)]?.join()) wrong.push(seed);
      };
      const sent = requests.map(({ n, maxTokens, isKey }, index) =>
        send({
          prompt: prompts[index] ?? [],
          seed: index * 10,
          n,
          maxTokens,
          principal: isKey ? `key:${index % 2}` : `session:${index % 3}`,
        }),
      );
      context.onStep = () => {
        for (const [index, { cancelAtStep }] of requests.entries())
          if (cancelAtStep === context.steps.length) sent[index]?.abort.abort();
      };

      const lasts = await Promise.all(sent.map(({ last }) => last));

      expect(lasts.every((last) => last?.type === 'done')).toBe(true);
      expect(wrong).toEqual([]);
      await scheduler.close(1000);
      expect(scheduler.stats()).toMatchObject({ busySlots: 0, queueDepth: 0, runnableSlots: 0 });
      for (const slot of slots) expect(slot.cells).toEqual(context.sequences.get(slot.id) ?? []);
      expect([...context.samplers].every((sampler) => sampler.isDisposed)).toBe(true);
      const names = await readdir(folder?.path ?? '');
      const sizes = await Promise.all(
        names.map(async (name) => (await stat(join(folder?.path ?? '', name))).size),
      );
      const written = sizes.reduce((total, size) => total + size, 0);
      expect(written).toBe(scheduler.stats().promptCache?.bytes ?? -1);
      expect(written).toBeLessThanOrEqual(folder?.maxBytes ?? 0);
    }),
    { numRuns: 60 },
  );
});
