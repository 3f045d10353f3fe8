import { expect, test } from 'bun:test';

import { PrincipalQueue } from './principal-queue.ts';

const request = (principal: string, id: number) => ({ principal, id });

function drain(queue: PrincipalQueue<{ principal: string; id: number }>): string[] {
  const order: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take())
    order.push(`${next.principal}${next.id}`);
  return order;
}

test('principals take turns, each in its own order', () => {
  const queue = new PrincipalQueue<{ principal: string; id: number }>();
  for (const id of [1, 2, 3]) queue.add(request('a', id));
  queue.add(request('b', 1));
  queue.add(request('c', 1));

  expect(drain(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
});

test('one that leaves is not served, and the rest keep their order', () => {
  const queue = new PrincipalQueue<{ principal: string; id: number }>();
  const leaving = request('a', 1);
  queue.add(leaving);
  queue.add(request('a', 2));
  queue.add(request('b', 1));

  expect(queue.remove(leaving)).toBe(true);
  expect(queue.remove(leaving)).toBe(false);
  expect(queue.length).toBe(2);
  expect(drain(queue)).toEqual(['a2', 'b1']);
  expect(queue.length).toBe(0);
});
