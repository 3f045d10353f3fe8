import { describe, expect, test } from 'bun:test';

import { done, END, range, setUp } from './scheduler-under-test.ts';

describe('Scheduler', () => {
  test('gives a running stream a token in every step while a long prompt is decoded in chunks', async () => {
    const { context, send } = setUp();
    const stream = send({ prompt: [1, 2], maxTokens: 30 });
    await new Promise<void>((resolve) => (context.onStep = resolve));
    context.onStep = undefined;
    const long = send({ prompt: range(100, 50), maxTokens: 1 });

    await Promise.all([stream.last, long.last]);

    const mixed = context.steps.filter((step) => [...step.values()].some((tokens) => tokens > 2));
    expect(mixed.length).toBeGreaterThanOrEqual(6);
    for (const step of mixed) expect([...step.values()].toSorted((a, b) => a - b)[0]).toBe(1);
    for (const step of mixed) expect(Math.max(...step.values())).toBeLessThanOrEqual(16);
  });

  test('advances more streams than a batch holds, and a prompt next to them', async () => {
    const { context, send } = setUp({ slots: 101 });
    const sampled = new Map(range(100).map((seed) => [seed, 0]));
    context.onSample = ({ config: { seed } }) => sampled.set(seed, (sampled.get(seed) ?? 0) + 1);
    const streams = range(100).map((seed) => send({ prompt: [seed, 2], seed, maxTokens: 60 }));
    await new Promise<void>((resolve) => {
      context.onStep = () => {
        if (Math.max(...sampled.values()) === 40) resolve();
      };
    });
    const least = Math.min(...sampled.values());
    const before = context.steps.length;

    const { last } = send({ prompt: range(40, 500), seed: 500, maxTokens: 1 });

    expect(await last).toMatchObject(done({ completionTokens: 1 }));
    expect(context.steps.length - before).toBeLessThan(10);
    expect(least).toBeGreaterThan(20);
    for (const { abort } of streams) abort.abort();
    await Promise.all(streams.map((stream) => stream.last));
  });

  test('orders the sequences of a batch by id, not by arrival', async () => {
    const { context, send } = setUp({ slots: 3 });
    const first = [4, 1, 2].map((maxTokens, index) =>
      send({ prompt: range(3, index * 10), maxTokens }),
    );
    await Promise.all(first.map(({ last }) => last));
    const again = [2, 0, 1].map((index) => send({ prompt: range(3, index * 10), maxTokens: 3 }));

    await Promise.all(again.map(({ last }) => last));

    const orders = context.steps.map((step) => [...step.keys()]);
    expect(orders).toContainEqual([0, 1, 2]);
    expect(orders).toEqual(orders.map((order) => order.toSorted((a, b) => a - b)));
  });

  test('emits the tokens of a step during the next decode, and the last token at once', async () => {
    const { context, send } = setUp({ slots: 1 });
    const { events, last } = send({ prompt: [1, 2], maxTokens: 4 });
    let handedOut = 0;
    const push = events.push.bind(events);
    events.push = (event) => {
      if (event.type === 'items') handedOut += event.items.length;
      push(event);
    };
    const atStart: number[] = [];
    const atEnd: number[] = [];
    context.onStep = () => atStart.push(handedOut);
    context.failDecode = () => void atEnd.push(handedOut);

    await last;

    expect(atStart).toEqual([0, 0, 1, 2]);
    expect(atEnd).toEqual([0, 1, 2, 3]);
    expect(handedOut).toBe(4);
  });

  test('ends the answer at a stop string found during the next decode, and samples nothing more', async () => {
    const { context, send } = setUp({ slots: 1 });
    let sampled = 0;
    context.onSample = () => void sampled++;

    const last = await send({ prompt: [1, 2], maxTokens: 9, stop: ['<7><7>'] }).last;
    const again = await send({ prompt: [1, 2, 7, 7, 5], maxTokens: 1 }).last;

    expect(last).toMatchObject({
      type: 'done',
      finish: [{ reason: 'stop', matchedStop: '<7><7>' }],
      usage: { completionTokens: 2 },
    });
    expect(again).toMatchObject(done({ cachedTokens: 4 }));
    expect(sampled).toBe(3);
  });

  test('stops decoding a prompt that is cancelled', async () => {
    const { context, scheduler, send } = setUp({ slots: 1 });
    const { abort, last } = send({ prompt: range(200), maxTokens: 4 });
    context.onStep = () => abort.abort();

    expect(await last).toMatchObject({ type: 'done', finish: [{ reason: 'cancelled' }] });
    expect(context.steps).toHaveLength(1);
    await scheduler.close(0);
  });

  test('ends only the request of a failed sampler, after all others have sampled', async () => {
    const { context, send } = setUp();
    context.sample = ({ config }) => {
      if (config.seed === 13) throw new Error('the grammar is stuck');
      return 7;
    };

    const [bad, good] = await Promise.all([
      send({ prompt: [1, 2], seed: 13 }).last,
      send({ prompt: [3, 4], seed: 5 }).last,
    ]);

    expect(bad).toMatchObject({ type: 'error', code: 'internal_error' });
    expect(good).toMatchObject(done({ completionTokens: 4 }));
  });

  test('fails a request without a possible token, and its slot serves the next request', async () => {
    const { context, send } = setUp({ slots: 1 });
    context.sample = () => -1;
    const stuck = await send({ prompt: [1, 2] }).last;
    context.sample = () => 7;

    expect(stuck).toMatchObject({ type: 'error', code: 'internal_error' });
    expect(await send({ prompt: [1, 2] }).last).toMatchObject(done({ completionTokens: 4 }));
  });

  test.each([
    ['samples a banned token', () => 7],
    ['finds none', () => -1],
    [
      'finds none that the grammar allows',
      () => {
        throw new Error('Unexpected empty grammar stack after accepting piece: ! (0)');
      },
    ],
  ])('names logit_bias when its bans leave no token and the library %s', async (_, sample) => {
    const { context, send } = setUp({ slots: 1 });
    context.sample = sample;

    const last = await send({ prompt: [1, 2], logitBias: { 7: -100, 8: 1 } }).last;

    expect(last).toMatchObject({ type: 'error', code: 'invalid_request', param: 'logit_bias' });
  });

  test('reports an internal error when a grammar without bans allows no token', async () => {
    const { context, send } = setUp({ slots: 1 });
    context.sample = () => {
      throw new Error('Unexpected empty grammar stack after accepting piece: ! (0)');
    };

    const last = await send({ prompt: [1, 2], logitBias: { 7: -99 } }).last;

    expect(last).toMatchObject({ type: 'error', code: 'internal_error' });
  });

  test('fails the requests of a failed decode, and does not reuse their cells', async () => {
    const { context, scheduler, send } = setUp({ slots: 1 });
    context.failDecode = () => {
      throw new Error('no cells');
    };
    const failed = send({ prompt: range(10) });
    const waiting = send({ prompt: range(10) });

    expect(await failed.last).toMatchObject({ type: 'error', code: 'internal_error' });
    context.failDecode = undefined;
    expect(await waiting.last).toMatchObject(done({ cachedTokens: 0 }));
    expect(scheduler.stats()).toMatchObject({ busySlots: 0, queueDepth: 0 });
  });

  test('samples all choices from one prompt, whose cells are copied', async () => {
    const { context, send } = setUp({ slots: 3 });

    const last = await send({ prompt: range(20), n: 3, maxTokens: 2 }).last;

    expect(last).toMatchObject(done({ completionTokens: 6 }));
    const prompts = context.steps.flatMap((step) => [...step.values()]).filter((n) => n > 1);
    expect(prompts.reduce((a, b) => a + b, 0)).toBe(20);
    expect(context.copies).toHaveLength(2);
    expect(new Set([...context.samplers].map(({ config }) => config.seed)).size).toBe(3);
  });

  test('keeps a request for several slots waiting until they are free together, without overtaking', async () => {
    const { send } = setUp({ slots: 2 });
    const ended: string[] = [];
    const note = async (name: string, last: Promise<unknown>) => {
      await last;
      ended.push(name);
    };

    await Promise.all([
      note('long', send({ prompt: [1], maxTokens: 8 }).last),
      note('pair', send({ prompt: [2], n: 2, maxTokens: 2 }).last),
      note('late', send({ prompt: [3], maxTokens: 1 }).last),
    ]);

    expect(ended).toEqual(['long', 'pair', 'late']);
  });

  test('reuses a prefix up to the token whose logits are needed', async () => {
    const { send } = setUp({ slots: 1 });
    await send({ prompt: range(40), maxTokens: 1 }).last;

    expect(await send({ prompt: range(40), maxTokens: 1 }).last).toMatchObject(
      done({ cachedTokens: 39 }),
    );
  });

  test('does not cut into cells that a sliding window has dropped', async () => {
    const { context, send } = setUp({ slots: 1, windowTokens: 8 });
    await send({ prompt: range(40), maxTokens: 1 }).last;
    context.minPosition = 32;

    const cut = await send({ prompt: [...range(20), 99], maxTokens: 1 }).last;

    expect(cut).toMatchObject(done({ cachedTokens: 0 }));
  });

  test('reuses the cells of a prompt that is only continued, even if they cannot be cut', async () => {
    const { context, send } = setUp({ slots: 1 });
    context.canCut = false;
    await send({ prompt: range(40), maxTokens: 1 }).last;

    expect(await send({ prompt: range(50), maxTokens: 1 }).last).toMatchObject(
      done({ cachedTokens: 40 }),
    );
    expect(await send({ prompt: range(30), maxTokens: 1 }).last).toMatchObject(
      done({ cachedTokens: 0 }),
    );
  });

  test('ends every request once under random cancels, and leaves nothing behind', async () => {
    const { context, scheduler, send } = setUp({ slots: 3 });
    let sampled = 0;
    context.sample = () => (++sampled % 23 === 0 ? END : 7);
    const requests = Array.from({ length: 200 }, (_, i) =>
      send({
        prompt: range(1 + ((i * 37) % 90), i % 5),
        maxTokens: 1 + ((i * 13) % 20),
        n: 1 + (i % 3),
        principal: `p${i % 7}`,
      }),
    );
    let steps = 0;
    context.onStep = () => {
      steps++;
      if (steps % 2 === 0) requests[(steps * 31) % requests.length]?.abort.abort();
    };

    const lasts = await Promise.all(requests.map(({ last }) => last));

    expect(lasts.every((last) => last?.type === 'done')).toBe(true);
    await scheduler.close(1000);
    expect(scheduler.stats()).toMatchObject({ busySlots: 0, queueDepth: 0, runnableSlots: 0 });
    expect([...context.samplers].every((sampler) => sampler.isDisposed)).toBe(true);
  });
});
