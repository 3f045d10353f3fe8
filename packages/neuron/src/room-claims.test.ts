import { expect, test } from 'bun:test';

import { RoomClaims } from './room-claims.ts';

const claim = (owner: string, model: string, forS = 15) => ({
  owner,
  model,
  from: ['x'],
  for_s: forS,
});
const namesOf = ({ current }: RoomClaims): readonly string[] =>
  current.map(({ owner, model }) => `${owner} ${model}`);

test('a claim ends by itself, unless it is renewed', () => {
  let nowMs = 0;
  const claims = new RoomClaims(() => nowMs);

  claims.take(claim('one', 'y'));
  nowMs = 10_000;
  claims.take(claim('one', 'y'));
  nowMs = 24_000;
  expect(claims.current).toEqual([{ owner: 'one', model: 'y', from: ['x'], remaining_s: 1 }]);
  nowMs = 25_000;
  expect(claims.current).toEqual([]);
});

test('claims stand in the order in which they came, one of each owner', () => {
  const claims = new RoomClaims(() => 0);

  claims.take(claim('one', 'y'));
  claims.take(claim('two', 'z'));
  claims.take(claim('one', 'y'));
  expect(namesOf(claims)).toEqual(['one y', 'two z']);

  claims.take(claim('one', 'w'));
  expect(namesOf(claims)).toEqual(['two z', 'one w']);

  claims.take(claim('two', 'z', 0));
  expect(namesOf(claims)).toEqual(['one w']);
});

test('the number of owners is bounded', () => {
  const claims = new RoomClaims(() => 0);
  for (let owner = 0; owner < 100; owner += 1) claims.take(claim(`${owner}`, 'y'));

  expect(() => claims.take(claim('one more', 'y'))).toThrow('100 gateways');
  claims.take(claim('7', 'y'));
});
