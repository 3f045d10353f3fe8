import { expect, test } from 'bun:test';

import fc from 'fast-check';

import { Turns } from './turns.ts';

interface Request {
  readonly principal: string;
  readonly id: number;
}

const requests = fc.array(
  fc.record({ principal: fc.constantFrom('a', 'b', 'c'), id: fc.integer() }),
  { minLength: 1, maxLength: 12 },
);

test('Turns serves every other principal between two turns of a request', () => {
  fc.assert(
    fc.property(requests, (all: readonly Request[]) => {
      const turns = new Turns<Request>();
      for (const request of all) turns.add(request);
      const principals = new Set(all.map(({ principal }) => principal));

      const served = Array.from({ length: 4 * all.length }, () => turns.next()?.principal ?? '');

      for (let from = 0; from + principals.size <= served.length; from += principals.size)
        expect(new Set(served.slice(from, from + principals.size))).toEqual(principals);
    }),
  );
});

test('Turns alternates between the requests of a principal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 }), (count, rounds) => {
      const turns = new Turns<Request>();
      for (let id = 0; id < count; id++) turns.add({ principal: 'a', id });

      const served = Array.from({ length: count * rounds }, () => turns.next()?.id);

      expect(served).toEqual(Array.from({ length: count * rounds }, (_, turn) => turn % count));
    }),
  );
});

test('Turns does not serve a removed request, and removes it once', () => {
  const turns = new Turns<Request>();
  const [one, other] = [
    { principal: 'a', id: 1 },
    { principal: 'a', id: 2 },
  ];
  turns.add(one);
  turns.add(other);

  expect(turns.remove(one)).toBe(true);
  expect(turns.remove(one)).toBe(false);
  expect([turns.length, turns.next(), turns.next()]).toEqual([1, other, other]);
  turns.remove(other);
  expect([turns.length, turns.next()]).toEqual([0, undefined]);
});
