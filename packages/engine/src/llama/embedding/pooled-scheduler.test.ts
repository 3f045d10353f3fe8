import { expect, test } from 'bun:test';

import { PooledScheduler, type PooledSchedulerOptions } from './pooled-scheduler.ts';

/** A context that records decodes. Each decode waits until the test continues it. */
class SteppedContext {
  /** First token and length of each decode. */
  readonly decoded: string[] = [];
  #part: Uint32Array = new Uint32Array();
  #release: ((error?: Error) => void) | undefined;
  #entered: (() => void) | undefined;

  readonly native: PooledSchedulerOptions['context'] = {
    initBatch: () => undefined,
    disposeSequence: () => undefined,
    addToBatch: (_sequence, _from, part, wanted) => {
      this.#part = part;
      expect(wanted.length).toBe(part.length);
      return wanted;
    },
    decodeBatch: () =>
      new Promise<void>((resolve, reject) => {
        this.decoded.push(`${this.#part[0]}×${this.#part.length}`);
        this.#release = (error) => (error === undefined ? resolve() : reject(error));
        this.#entered?.();
      }),
    getEmbedding: (tokens) => Float64Array.of(tokens),
  };

  /** Waits for the next decode to start. */
  async entered(): Promise<void> {
    if (this.#release !== undefined) return;
    await new Promise<void>((resolve) => (this.#entered = resolve));
    this.#entered = undefined;
  }

  /** Ends the current decode. */
  async step(error?: Error): Promise<void> {
    await this.entered();
    const release = this.#release;
    this.#release = undefined;
    release?.(error);
  }
}

function createScheduler(): { scheduler: PooledScheduler; context: SteppedContext } {
  const context = new SteppedContext();
  let nowMs = 0;
  const scheduler = new PooledScheduler({
    context: context.native,
    contextTokens: 8,
    batchTokens: 4,
    slots: 2,
    nowMs: () => nowMs++,
  });
  return { scheduler, context };
}

/** Inputs of one request, identified by their token. */
const inputsOf = (token: number, lengths: readonly number[]): Uint32Array[] =>
  lengths.map((length) => new Uint32Array(length).fill(token));

const ask = (
  scheduler: PooledScheduler,
  inputs: readonly Uint32Array[],
  { principal = '', signal = new AbortController().signal } = {},
): Promise<readonly Float64Array[]> => scheduler.vectorsOf({ inputs, principal, signal });

test('PooledScheduler gives requests turns input by input, regardless of their order', async () => {
  const { scheduler, context } = createScheduler();
  const long = ask(scheduler, inputsOf(1, [1, 1, 1]));
  const other = ask(scheduler, inputsOf(2, [1, 1]));
  const short = ask(scheduler, inputsOf(3, [1]), { principal: 'another' });

  for (let steps = 0; steps < 6; steps++) await context.step();
  await Promise.all([long, other, short]);

  expect(context.decoded).toEqual(['1×1', '3×1', '2×1', '1×1', '2×1', '1×1']);
});

test('PooledScheduler decodes an input in parts and reads its vector after the last', async () => {
  const { scheduler, context } = createScheduler();
  const vectors = ask(scheduler, inputsOf(7, [7, 4]));

  for (let steps = 0; steps < 3; steps++) await context.step();

  expect((await vectors).map(([first]) => first)).toEqual([7, 4]);
  expect(context.decoded).toEqual(['7×4', '7×3', '7×4']);
});

test('PooledScheduler stops decoding a cancelled request, even within an input', async () => {
  const { scheduler, context } = createScheduler();
  const abort = new AbortController();
  const vectors = ask(scheduler, inputsOf(7, [8, 8]), { signal: abort.signal });
  await context.entered();

  abort.abort();

  await expect(vectors).rejects.toMatchObject({ code: 'client_closed_request' });
  await context.step();
  await scheduler.close();
  expect(context.decoded).toEqual(['7×4']);
  expect(scheduler.stats()).toMatchObject({ busySlots: 0, queueDepth: 0, runnableSlots: 0 });
});

test('PooledScheduler fails only the request of a failed decode', async () => {
  const { scheduler, context } = createScheduler();
  const failing = ask(scheduler, inputsOf(1, [1, 1]));
  const other = ask(scheduler, inputsOf(2, [1]));

  await context.step(new Error('no memory'));
  await context.step();

  await expect(failing).rejects.toMatchObject({
    code: 'internal_error',
    message: 'The engine could not decode: no memory',
  });
  expect((await other).length).toBe(1);
  expect(context.decoded).toEqual(['1×1', '2×1']);
});

test('PooledScheduler reports busy and waiting requests and steps', async () => {
  const { scheduler, context } = createScheduler();
  const requests = [1, 2, 3].map((token) => ask(scheduler, inputsOf(token, [1])));
  await context.entered();
  expect(scheduler.stats()).toMatchObject({
    slots: 2,
    busySlots: 2,
    runnableSlots: 2,
    queueDepth: 1,
    batchSizes: {},
  });
  expect(scheduler.stats().lastStepAgeMs).toBeUndefined();

  for (let steps = 0; steps < 3; steps++) await context.step();
  await Promise.all(requests);

  const after = scheduler.stats();
  expect(after).toMatchObject({ busySlots: 0, queueDepth: 0, batchSizes: { 1: 3 } });
  expect(after.lastStepAgeMs).toBeNumber();
  expect(after.tokSPrefill).toBeGreaterThan(0);
});

test('PooledScheduler waits on close for the current decode, and ends the remaining requests', async () => {
  const { scheduler, context } = createScheduler();
  const vectors = ask(scheduler, inputsOf(1, [1, 1]));
  await context.entered();
  let isClosed = false;

  const closed = scheduler.close().then(() => (isClosed = true));

  await expect(vectors).rejects.toMatchObject({ code: 'shutting_down' });
  expect(isClosed).toBe(false);
  await context.step();
  await closed;
  expect(context.decoded).toEqual(['1×1']);
  await expect(ask(scheduler, inputsOf(2, [1]))).rejects.toMatchObject({ code: 'shutting_down' });
});
