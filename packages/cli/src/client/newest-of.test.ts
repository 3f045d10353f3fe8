import { describe, expect, test } from 'bun:test';

import { newestOf } from './newest-of.ts';

/** A source that yields what is given to it, up to its end. */
function source() {
  const steps: (() => number)[] = [];
  let more = Promise.withResolvers<void>();
  const push = (step: () => number): void => {
    steps.push(step);
    more.resolve();
  };
  async function* values(): AsyncGenerator<number, void> {
    for (;;) {
      for (const step of steps.splice(0)) yield step();
      await more.promise;
      more = Promise.withResolvers();
    }
  }
  return { push, values: values() };
}

const turn = () => new Promise(setImmediate);

describe('the newest value of a source', () => {
  test('is all that a slow reader gets', async () => {
    const { push, values } = source();
    const newest = newestOf(values);
    push(() => 1);
    expect((await newest.next()).value).toBe(1);

    for (const value of [2, 3, 4]) push(() => value);
    await turn();

    expect((await newest.next()).value).toBe(4);
    const waiting = newest.next();
    push(() => 5);
    expect((await waiting).value).toBe(5);
  });

  test('comes before the error of the source', async () => {
    const { push, values } = source();
    const newest = newestOf(values);
    const first = newest.next();
    push(() => 1);
    push(() => {
      throw new Error('lost');
    });
    await turn();

    expect((await first).value).toBe(1);
    await expect(newest.next()).rejects.toThrow('lost');
  });

  test('ends with the source', async () => {
    expect(
      await Array.fromAsync(newestOf(new ReadableStream({ start: (c) => c.close() }))),
    ).toEqual([]);
  });
});
