import { describe, expect, test } from 'bun:test';

import { SlotQueue } from './slot-queue.ts';

const never = new AbortController().signal;

describe('the slots of a model on an external server', () => {
  test('are given in turns to principals, and in order to the requests of each', async () => {
    const queue = new SlotQueue(1);
    const order: string[] = [];
    const run = async (principal: string, name: string): Promise<void> => {
      const free = await queue.acquire({ principal, weight: 1 }, never);
      order.push(name);
      free();
    };
    const first = await queue.acquire({ principal: 'a', weight: 1 }, never);
    const runs = [run('a', 'a1'), run('a', 'a2'), run('a', 'a3'), run('b', 'b1'), run('b', 'b2')];

    first();
    await Promise.all(runs);

    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  test('are not lost when a request leaves the queue, or is freed twice', async () => {
    const queue = new SlotQueue(1);
    const leaving = new AbortController();
    const first = await queue.acquire({ principal: 'a', weight: 1 }, never);
    const left = queue.acquire({ principal: 'b', weight: 1 }, leaving.signal);
    const third = queue.acquire({ principal: 'c', weight: 1 }, never);

    leaving.abort(new Error('left'));
    first();
    first();

    expect(await left.catch((error: unknown) => error)).toEqual(new Error('left'));
    const free = await third;
    expect(queue.waiting).toBe(0);
    free();
    (await queue.acquire({ principal: 'd', weight: 1 }, never))();
  });

  test('are taken together by a request with several choices', async () => {
    const queue = new SlotQueue(2);
    const one = await queue.acquire({ principal: 'a', weight: 1 }, never);
    let isServed = false;
    const both = queue.acquire({ principal: 'b', weight: 2 }, never).then((free) => {
      isServed = true;
      return free;
    });
    await Promise.resolve();
    expect(isServed).toBe(false);

    one();

    (await both)();
  });
});
