import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { PrincipalQueue } from './principal-queue.ts';

interface Request {
  readonly principal: string;
  readonly id: number;
  readonly slots: number;
}

const request = (principal: string, id: number, slots = 1): Request => ({ principal, id, slots });

const filled = (requests: readonly Request[]): PrincipalQueue<Request> => {
  const queue = new PrincipalQueue<Request>();
  for (const one of requests) queue.add(one);
  return queue;
};

function drain(queue: PrincipalQueue<Request>, free = Infinity): string[] {
  const order: string[] = [];
  const take = () => queue.take(({ slots }) => slots <= free);
  for (let next = take(); next !== undefined; next = take())
    order.push(`${next.principal}${next.id}`);
  return order;
}

describe('PrincipalQueue', () => {
  test('gives principals turns, each in its own order', () => {
    const queue = filled([
      ...[1, 2, 3].map((id) => request('a', id)),
      request('b', 1),
      request('c', 1),
    ]);

    expect(drain(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
  });

  test('does not serve a removed request, and keeps the order of the rest', () => {
    const leaving = request('a', 1);
    const queue = filled([leaving, request('a', 2), request('b', 1)]);

    expect(queue.remove(leaving)).toBe(true);
    expect(queue.remove(leaving)).toBe(false);
    expect(queue.length).toBe(2);
    expect(drain(queue)).toEqual(['a2', 'b1']);
    expect(queue.length).toBe(0);
  });

  test('serves keys before the others, which get every fifth turn', () => {
    const queue = filled([
      ...[1, 2].map((id) => request('session:s', id)),
      ...[1, 2, 3, 4, 5, 6].map((id) => request('key:k', id)),
    ]);

    expect(drain(queue).join(' ')).toBe(
      'key:k1 key:k2 key:k3 key:k4 session:s1 key:k5 key:k6 session:s2',
    );
  });

  test('lets four requests pass one that needs several slots, and then serves it next', () => {
    const queue = filled([
      request('a', 1, 3),
      ...[1, 2, 3, 4, 5].map((id) => request('b', id)),
      request('a', 2),
    ]);

    expect(drain(queue, 2)).toEqual(['b1', 'b2', 'b3', 'b4']);
    expect(drain(queue, 3)).toEqual(['a1', 'b5', 'a2']);
  });

  test('keeps the order within each principal, and never serves five keys in a row while others wait', () => {
    const step = fc.oneof(
      fc.constantFrom('key:a', 'key:b', 'session:c', 'addr:d'),
      fc.constant('take' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = new PrincipalQueue<Request>();
        const waiting: Request[] = [];
        let keysInARow = 0;
        const take = () => {
          const taken = queue.take();
          if (taken === undefined) return expect(waiting).toEqual([]);
          const isKey = taken.principal.startsWith('key:');
          const doOthersWait = waiting.some(({ principal }) => !principal.startsWith('key:'));
          keysInARow = isKey && doOthersWait ? keysInARow + 1 : 0;
          expect(keysInARow).toBeLessThanOrEqual(4);
          expect(taken).toEqual(
            waiting.find(({ principal }) => principal === taken.principal) ?? request('nobody', 0),
          );
          waiting.splice(waiting.indexOf(taken), 1);
        };
        for (const [id, one] of steps.entries()) {
          if (one === 'take') take();
          else {
            const arrived = request(one, id);
            queue.add(arrived);
            waiting.push(arrived);
          }
          expect(queue.length).toBe(waiting.length);
        }
        while (waiting.length > 0) take();
      }),
    );
  });

  test('serves a request that needs all slots under a constant load of small requests', () => {
    const arrival = fc.record({
      principal: fc.constantFrom('key:a', 'key:b', 'session:c', 'addr:d'),
      slots: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom('key:a', 'session:e'),
        fc.infiniteStream(arrival),
        (principal, arrivals) => {
          const queue = filled([request(principal, 0, 4)]);
          let free = 2;
          for (let round = 1; round < 60; round++) {
            const [small] = arrivals.take(1);
            if (small !== undefined) queue.add(request(small.principal, round, small.slots));
            const taken = queue.take(({ slots }) => slots <= free);
            if (taken?.slots === 4) return;
            // Slots that are not assigned become free; assigned slots stay busy.
            free = taken === undefined ? 4 : 2;
          }
          throw new Error('it never got them');
        },
      ),
    );
  });
});
