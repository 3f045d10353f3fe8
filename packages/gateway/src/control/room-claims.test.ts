import { expect, test } from 'bun:test';

import type { ClaimRequest } from '@cortex/protocol';

import { RoomClaims } from './room-claims.ts';

/** Claims whose calls end when the test says so. */
function claimsUnderTest() {
  const calls: { readonly text: string; readonly end: PromiseWithResolvers<void> }[] = [];
  const claim = ({ model, from, for_s: forS }: ClaimRequest): Promise<void> => {
    const end = Promise.withResolvers<void>();
    calls.push({ text: `${model} from ${from.join()} for ${forS} s`, end });
    return end.promise;
  };
  const claims = new RoomClaims({
    owner: 'one',
    client: () => ({ claim }),
    signal: new AbortController().signal,
  });
  const take = (model: string): void =>
    claims.take({ kind: 'claim', node: 'a', model, from: ['x'] });
  const release = (model: string): void =>
    claims.release({ kind: 'release_claim', node: 'a', model });
  return { calls, take, release, texts: () => calls.map(({ text }) => text) };
}

test('a node gets one call after the other, and of those that waited only the last', async () => {
  const { calls, take, release, texts } = claimsUnderTest();

  take('y');
  take('z');
  release('z');
  expect(texts()).toEqual(['y from x for 15 s']);
  calls[0]?.end.resolve();
  await Bun.sleep(0);

  expect(texts()).toEqual(['y from x for 15 s', 'z from  for 0 s']);
});

test('a call that fails does not keep the next one', async () => {
  const { calls, take, texts } = claimsUnderTest();
  take('y');
  calls[0]?.end.reject(new Error('unknown route'));
  await Bun.sleep(0);

  take('y');

  expect(texts()).toHaveLength(2);
});
