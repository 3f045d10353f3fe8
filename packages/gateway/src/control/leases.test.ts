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
  test('count weights by node and model, and are empty again after all releases', () => {
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

  test('ignore the second release of a lease', () => {
    const leases = new Leases();
    leases.take(claim());
    const { release } = leases.take(claim());
    expect([release(1), release(2)]).toEqual([true, false]);
    expect(leases.inFlight('a')).toBe(1);
  });

  test('record the end of a request as the last use of its model', () => {
    const leases = new Leases();
    const { release } = leases.take(claim());
    expect(leases.lastUsedMs('a', 'm')).toBeUndefined();
    release(70);
    expect(leases.lastUsedMs('a', 'm')).toBe(70);
  });

  test('remember the last use of the 1,000 most recently used models of a node', () => {
    const leases = new Leases();
    for (let index = 0; index <= 1000; index += 1) {
      leases.take(claim({ model: `m${index}` })).release(index);
      leases.take(claim({ model: 'm0' })).release(index);
    }

    expect(leases.lastUsedMs('a', 'm0')).toBe(1000);
    expect(leases.lastUsedMs('a', 'm1')).toBeUndefined();
    expect(leases.lastUsedMs('a', 'm1000')).toBe(1000);
  });

  test('of a replaced node do not count for the new node of the same name', () => {
    const leases = new Leases();
    const old = leases.take(claim());
    leases.forgetNode('a');
    expect(leases.ownByNode('m')).toBeUndefined();
    leases.take(claim());
    expect(old.release(1)).toBe(true);
    expect(leases.inFlight('a', 'm')).toBe(1);
    expect(leases.ownByNode('m')?.get('a')).toBe(1);
  });

  test('give polls a copy that later leases do not change', () => {
    const leases = new Leases();
    leases.take(claim());
    const atPoll = leases.ownByModel('a');
    leases.take(claim());
    expect(atPoll.get('m')).toBe(1);
  });
});
