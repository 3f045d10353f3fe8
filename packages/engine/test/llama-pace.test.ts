import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineEvent } from '../src/engine/generate.ts';
import { never } from './fixtures/requests.ts';
import { loadTiny } from './llama-under-test.ts';

const PROMPT_TOKENS = 1500;
const CHUNK_TOKENS = 64;

/** Minimum number of steps for the long prompt while a run generates. */
const STEPS = Math.ceil(PROMPT_TOKENS / CHUNK_TOKENS);

describe('while a long prompt is decoded', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny({
      contextLength: 4096,
      slots: 3,
      prefillChunkTokens: CHUNK_TOKENS,
    });
  });
  afterAll(() => engine.close(0));

  const stream = (body: object, signal = never()) =>
    engine.generate(
      {
        id: 'p',
        route: 'completions',
        body: { temperature: 0, ignore_eos: true, ...body },
        principal: 'test',
        requestId: 'p',
      },
      signal,
    );
  /** Each test uses another prompt, so that no cells are reused. */
  const longPrompt = (seed: number) =>
    Array.from({ length: PROMPT_TOKENS }, (_, index) => 300 + ((index * 7 + seed) % 1000));

  test('a stream that generates gets a token in every step', async () => {
    const order: string[] = [];
    const running = note(
      stream({ prompt: 'Hello', max_tokens: 400, logprobs: 0 }),
      'stream',
      order,
    );
    await running.next(1);
    const before = await stepsOf(engine);
    const reading = note(stream({ prompt: longPrompt(1), max_tokens: 1 }), 'prompt', order);

    await reading.ended;
    const steps = (await stepsOf(engine)) - before;
    await running.ended;

    const between = order.slice(order.indexOf('prompt accepted'), order.indexOf('prompt items'));
    expect(steps).toBeGreaterThanOrEqual(STEPS);
    // The current step at its arrival, and the step of its first token.
    expect(between.filter((event) => event === 'stream items').length).toBeGreaterThanOrEqual(
      steps - 2,
    );
    expect(running.tokensAnEvent()).toEqual([1]);
  });

  test('two streams get a token in every step', async () => {
    const order: string[] = [];
    const streams = ['one', 'two'].map((name) =>
      note(stream({ prompt: `Hello ${name}`, max_tokens: 300, logprobs: 0 }), name, order),
    );
    await Promise.all(streams.map(({ started }) => started));
    const before = await engine.stats();

    await note(stream({ prompt: longPrompt(2), max_tokens: 1 }), 'prompt', order).ended;

    const { batchSizes } = await engine.stats();
    expect((batchSizes['3'] ?? 0) - (before.batchSizes['3'] ?? 0)).toBeGreaterThanOrEqual(
      STEPS - 2,
    );
    await Promise.all(streams.map(({ ended }) => ended));
  });

  test('a cancel ends it before the next step emits tokens, and frees its slot', async () => {
    const abort = new AbortController();
    const order: string[] = [];
    const running = note(
      stream({ prompt: 'Hello', max_tokens: 300, logprobs: 0 }),
      'stream',
      order,
    );
    await running.started;
    const reading = note(
      stream({ prompt: longPrompt(3), max_tokens: 1 }, abort.signal),
      'prompt',
      order,
    );
    await reading.started;
    // After some steps.
    await running.next(5);

    abort.abort();
    const at = order.length;
    await reading.ended;

    const meanwhile = order.slice(at, order.indexOf('prompt done'));
    expect(order).not.toContain('prompt items');
    // Items of the current step, which was decoded before the cancel was handled.
    expect(meanwhile.length).toBeLessThanOrEqual(1);
    await running.next(1);
    expect((await engine.stats()).busySlots).toBe(1);
    await running.ended;
  });
});

async function stepsOf(engine: Engine): Promise<number> {
  const { batchSizes } = await engine.stats();
  return Object.values(batchSizes).reduce((sum, steps) => sum + steps, 0);
}

/** Reads `stream` to its end and records each event with `name`, in order of arrival. */
function note(stream: AsyncIterable<EngineEvent>, name: string, order: string[]) {
  const started = Promise.withResolvers<void>();
  const sizes = new Set<number>();
  let waiting: { left: number; resolve: () => void } | undefined;
  const read = async () => {
    for await (const event of stream) {
      order.push(`${name} ${event.type}`);
      started.resolve();
      if (event.type !== 'items') continue;
      sizes.add(event.items.flatMap((item) => item.logprobs ?? []).length);
      if (waiting !== undefined && --waiting.left <= 0) waiting.resolve();
    }
  };
  return {
    /** Accepted. */
    started: started.promise,
    ended: read(),
    /** Resolves after this many events with items. */
    next: (count: number) =>
      new Promise<void>((resolve) => {
        waiting = { left: count, resolve };
      }),
    tokensAnEvent: () => [...sizes],
  };
}
