import { describe, expect, test } from 'bun:test';

import { DecidedFleet, only, told } from '../../test/decided-fleet.ts';

const SEATS = { max_in_flight: 1, max_queue_depth: 0 };

/** One host that serves `m` in one slot. */
const oneSlot = (settings = {}) =>
  new DecidedFleet({
    hosts: { a: { loaded: { m: {} }, seats: SEATS } },
    models: [{ id: 'm', vramMb: 8000 }],
    settings,
  });

describe('A request', () => {
  test('is granted at once where a replica has room', () => {
    const [grant] = only(oneSlot().ask('m'), 'grant');
    expect(grant).toMatchObject({ node: 'a', record: { by: 'load', load: 0, waitedMs: 0 } });
  });

  test('is recorded with the ready replicas among which it was granted one, not the files on other nodes', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: {} } }, b: {}, c: {} },
      models: [{ id: 'm', vramMb: 8000 }],
    });

    expect(only(fleet.ask('m'), 'grant')[0]?.record.replicas).toBe(1);
  });

  test('is granted without a look at its conversation, which costs time, where all models are loaded', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: {}, other: {} } } },
      models: [{ id: 'm' }, { id: 'other' }],
    });
    const affinityKey = (): string => {
      throw new Error('not needed');
    };

    expect(told(fleet.ask('m', { affinityKey }))).toEqual(['grant a']);
  });

  test('waits while every slot is taken, and gets the next one in order of arrival', () => {
    const fleet = oneSlot();
    fleet.ask('m');
    expect(told(fleet.ask('m', { id: 'second' }))).toEqual([]);
    expect(told(fleet.ask('m', { id: 'third' }))).toEqual([]);

    const [grant] = only(fleet.answer('m'), 'grant');

    expect(grant?.requestId).toBe('second');
  });

  test('that comes back after a failed attempt keeps its place in the queue', () => {
    const fleet = oneSlot();
    fleet.ask('m');
    const early = fleet.nowMs;
    fleet.after(10);
    fleet.ask('m', { id: 'later' });
    fleet.ask('m', { id: 'returned', arrivedMs: early });

    expect(only(fleet.answer('m'), 'grant')[0]?.requestId).toBe('returned');
  });

  test('that may use any node is not overtaken by one for a certain node', () => {
    const fleet = oneSlot();
    fleet.ask('m');
    fleet.ask('m', { id: 'any' });
    fleet.ask('m', { id: 'bound', node: 'a' });

    expect(only(fleet.answer('m'), 'grant').map(({ requestId }) => requestId)).toEqual(['any']);
  });

  test('for a certain node waits for it alone and blocks nobody', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: {} }, seats: SEATS }, b: { loaded: { m: {} }, seats: SEATS } },
      models: [{ id: 'm', vramMb: 8000 }],
    });
    fleet.ask('m', { node: 'a' });
    fleet.ask('m', { node: 'a' });

    expect(told(fleet.ask('m'))).toEqual(['grant b']);
  });

  test('that left frees its place and takes no slot', () => {
    const fleet = oneSlot();
    fleet.ask('m');
    fleet.ask('m', { id: 'gone' });
    fleet.ask('m', { id: 'stays' });
    fleet.tell({ kind: 'left', model: 'm', requestId: 'gone' });

    expect(only(fleet.answer('m'), 'grant')[0]?.requestId).toBe('stays');
    expect(fleet.state.waiting('m')).toBe(0);
  });

  test('beyond max_waiting is refused, and the others keep waiting', () => {
    const fleet = oneSlot({ maxWaiting: 1 });
    fleet.ask('m');
    fleet.ask('m');

    const [refusal] = only(fleet.ask('m'), 'refuse');

    expect(refusal?.refusal).toEqual({ kind: 'queue_full', waiting: 1, retryInMs: 5000 });
    expect(fleet.state.waiting('m')).toBe(1);
  });

  test('is refused after max_wait_s with what it waited for: streamed later than held', () => {
    const fleet = oneSlot({ maxWaitMs: 600_000, maxHoldMs: 120_000 });
    fleet.ask('m');
    fleet.ask('m', { id: 'held', stream: false });
    fleet.ask('m', { id: 'streamed' });

    const held = only(fleet.after(120_000), 'refuse');
    const streamed = only(fleet.after(480_000), 'refuse');

    expect(held.map(({ requestId }) => requestId)).toEqual(['held']);
    expect(streamed).toMatchObject([
      { requestId: 'streamed', refusal: { kind: 'waited_too_long', waitedFor: 'seat' } },
    ]);
  });

  test('that comes back after its time is refused at once, also behind others', () => {
    const fleet = oneSlot({ maxWaitMs: 1000, maxHoldMs: 1000 });
    const arrivedMs = fleet.nowMs;
    fleet.after(5000);
    fleet.ask('m');
    const late = [fleet.ask('m', { arrivedMs })];
    fleet.ask('m');
    late.push(fleet.ask('m', { arrivedMs }));

    expect(late.map(told)).toEqual([['refuse waited_too_long'], ['refuse waited_too_long']]);
    expect(fleet.state.waiting('m')).toBe(1);
  });

  test('for more answers than slots is refused instead of waiting for ever', () => {
    const [refusal] = only(oneSlot().ask('m', { weight: 2 }), 'refuse');
    expect(refusal?.refusal).toEqual({ kind: 'too_many_answers', slots: 1 });
  });

  test('takes n slots for n answers, all or none', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: {} }, seats: { max_in_flight: 3, max_queue_depth: 0 } } },
      models: [{ id: 'm' }],
    });
    fleet.ask('m', { weight: 2 });
    expect(told(fleet.ask('m', { weight: 2 }))).toEqual([]);
    expect(told(fleet.answer('m'))).toEqual(['grant a']);
  });

  test('a lease that ends twice is counted once', () => {
    const fleet = oneSlot();
    const [grant] = only(fleet.ask('m'), 'grant');
    const leaseId = grant?.leaseId ?? '';
    fleet.tell({ kind: 'lease_ended', leaseId });
    fleet.tell({ kind: 'lease_ended', leaseId });

    expect(fleet.state.leases.size).toBe(0);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
    expect(told(fleet.ask('m'))).toEqual([]);
  });

  test('sets a timer for its deadline', () => {
    const fleet = oneSlot({ maxWaitMs: 1000, maxHoldMs: 1000 });
    fleet.ask('m');
    expect(only(fleet.ask('m'), 'timer')).toEqual([{ kind: 'timer', atMs: fleet.nowMs + 1000 }]);
  });

  test('that needs only the file of a model goes to a node that has it, and starts no load', () => {
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [{ id: 'm' }] });
    expect(told(fleet.ask('m', { weight: 0 }))).toEqual(['grant a']);
  });
});

describe('Requests of one conversation', () => {
  const two = () =>
    new DecidedFleet({
      hosts: { a: { loaded: { m: {} } }, b: { loaded: { m: {} } }, c: { loaded: { m: {} } } },
      models: [{ id: 'm' }],
    });
  const nodeOf = (fleet: DecidedFleet, key: string): string | undefined =>
    only(fleet.ask('m', { affinityKey: () => key }), 'grant')[0]?.node;

  test('go to the same replica', () => {
    const fleet = two();
    const nodes = Array.from({ length: 5 }, () => {
      const node = nodeOf(fleet, 'talk');
      fleet.answer('m');
      return node;
    });
    expect(new Set(nodes).size).toBe(1);
  });

  test('go to the same replica in every cortex, without asking each other', () => {
    const keys = Array.from({ length: 20 }, (_, index) => `talk ${index}`);
    const first = keys.map((key) => nodeOf(two(), key));
    expect(keys.map((key) => nodeOf(two(), key))).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });

  test('go to another replica while theirs has more than its share (bound 1.25 × the mean)', () => {
    const fleet = two();
    const home = nodeOf(fleet, 'talk');
    const nodes = Array.from({ length: 11 }, () => nodeOf(fleet, 'talk'));
    const counts = new Map<string, number>();
    for (const node of [home, ...nodes]) counts.set(node ?? '', (counts.get(node ?? '') ?? 0) + 1);
    expect(Math.max(...counts.values())).toBe(5);
    expect(counts.get(home ?? '')).toBe(5);
  });

  test('take turns with the policy "round-robin"', () => {
    const fleet = two();
    fleet.configure({ policy: 'round-robin' });
    const nodes = ['a', 'b', 'c', 'd'].map((key) => {
      const node = nodeOf(fleet, key);
      fleet.after(1);
      return node;
    });
    expect(nodes).toEqual(['a', 'b', 'c', 'a']);
  });
});
