import { describe, expect, test } from 'bun:test';

import { Leases } from './leases.ts';

const claim = (overrides: object = {}) => ({
  requestId: 'r',
  node: 'a',
  model: 'm',
  weight: 1,
  ...overrides,
});

describe('Leases', () => {
  test('counts by node and model, by weight, and is empty again when all is given back', () => {
    const leases = new Leases();
    const held = [
      leases.take(claim()),
      leases.take(claim({ weight: 3 })),
      leases.take(claim({ model: 'n' })),
    ];
    expect(leases.inFlight('a')).toBe(5);
    expect(leases.inFlight('a', 'm')).toBe(4);
    expect(leases.ownByNode('m')?.get('a')).toBe(4);
    for (const { release } of held) release(1);
    expect(leases.inFlight('a')).toBe(0);
    expect(leases.ownByNode('m')).toBeUndefined();
    expect(leases.ownByModel('a').size).toBe(0);
  });

  test('is released once, whatever happens', () => {
    const leases = new Leases();
    leases.take(claim());
    const { release } = leases.take(claim());
    expect([release(1), release(2)]).toEqual([true, false]);
    expect(leases.inFlight('a')).toBe(1);
  });

  test('last use is the end of a request', () => {
    const leases = new Leases();
    const { release } = leases.take(claim());
    expect(leases.lastUsedMs('a', 'm')).toBeUndefined();
    release(70);
    expect(leases.lastUsedMs('a', 'm')).toBe(70);
  });

  test('last use is remembered of the 1,000 models of a node that were used last', () => {
    const leases = new Leases();
    for (let index = 0; index <= 1000; index += 1) {
      leases.take(claim({ model: `m${index}` })).release(index);
      leases.take(claim({ model: 'm0' })).release(index);
    }

    expect(leases.lastUsedMs('a', 'm0')).toBe(1000);
    expect(leases.lastUsedMs('a', 'm1')).toBeUndefined();
    expect(leases.lastUsedMs('a', 'm1000')).toBe(1000);
  });

  test('of a node that was replaced do not count on the one that has its name now', () => {
    const leases = new Leases();
    const old = leases.take(claim());
    leases.forgetNode('a');
    expect(leases.ownByNode('m')).toBeUndefined();
    leases.take(claim());
    expect(old.release(1)).toBe(true);
    expect(leases.inFlight('a', 'm')).toBe(1);
    expect(leases.ownByNode('m')?.get('a')).toBe(1);
  });

  test('what a poll takes along does not change with later leases', () => {
    const leases = new Leases();
    leases.take(claim());
    const atPoll = leases.ownByModel('a');
    leases.take(claim());
    expect(atPoll.get('m')).toBe(1);
  });
});
