import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { DecidedFleet, type HostShape, only, told } from '../../test/decided-fleet.ts';
import { type AttemptOutcome, explainModel } from '../index.ts';

const FAILED: AttemptOutcome = { kind: 'failed', code: 'node_unreachable' };
const SUCCEEDED: AttemptOutcome = { kind: 'succeeded' };

/** Hosts with the models loaded on each. */
const fleetOf = (
  hosts: readonly string[],
  models: readonly string[] = ['m'],
  shape: HostShape = {},
): DecidedFleet => {
  const loaded = Object.fromEntries(models.map((id) => [id, {}]));
  return new DecidedFleet({
    hosts: Object.fromEntries(hosts.map((name) => [name, { loaded, ...shape }])),
    models: models.map((id) => ({ id, vramMb: 1000 })),
    settings: { policy: 'least-loaded' },
  });
};

/** A request for `model` on `node` that ends with `outcome`; what that leads to. */
const use = (
  fleet: DecidedFleet,
  { node, model = 'm', outcome }: { node: string; model?: string; outcome?: AttemptOutcome },
) => {
  fleet.ask(model, { node });
  return told(fleet.answer(model, { node, ...(outcome && { outcome }) }));
};

const failOn = (fleet: DecidedFleet, node: string, model = 'm') =>
  use(fleet, { node, model, outcome: FAILED });

/** Two hosts with `m`, of which `a` has failed three requests. */
const withOpen = (hosts = ['a', 'b']): DecidedFleet => {
  const fleet = fleetOf(hosts);
  for (let count = 0; count < 3; count += 1) failOn(fleet, 'a');
  return fleet;
};

const circuitsOf = (fleet: DecidedFleet, node: string) =>
  fleet.state.circuits.open({ node }, fleet.nowMs);

describe('A replica that fails requests', () => {
  test('is avoided for 5 s after the third failure in a row', () => {
    const fleet = fleetOf(['a', 'b']);

    expect(failOn(fleet, 'a')).toEqual([]);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
    expect(failOn(fleet, 'a')).toEqual([]);
    expect(failOn(fleet, 'a')).toEqual(['avoid m on a for 5000 ms']);
    expect(told([...fleet.ask('m'), ...fleet.ask('m'), ...fleet.ask('m')])).toEqual([
      'grant b',
      'grant b',
      'grant b',
    ]);
  });

  test('is not avoided while successes come between the failures', () => {
    const fleet = fleetOf(['a', 'b']);

    for (const outcome of [FAILED, FAILED, SUCCEEDED, FAILED, FAILED]) {
      expect(use(fleet, { node: 'a', outcome })).toEqual([]);
    }

    expect(told(fleet.ask('m'))).toEqual(['grant a']);
  });

  test('is not avoided for requests that say nothing about it', () => {
    const fleet = fleetOf(['a', 'b']);

    for (let count = 0; count < 5; count += 1) use(fleet, { node: 'a' });

    expect(fleet.state.circuits.has('a')).toBe(false);
  });

  test('is counted without what requests for its file say', () => {
    const fleet = fleetOf(['a']);

    for (let count = 0; count < 5; count += 1) {
      fleet.ask('m', { weight: 0 });
      fleet.answer('m', { outcome: FAILED });
    }

    expect(fleet.state.circuits.has('a')).toBe(false);
  });

  test('loses the conversations that belong there, until it works again', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: {} } }, b: { loaded: { m: {} } } },
      models: [{ id: 'm', vramMb: 1000 }],
    });
    const talk = { affinityKey: () => 'talk 3' };
    const [grant] = only(fleet.ask('m', talk), 'grant');
    const home = grant?.node ?? '';
    fleet.answer('m', { outcome: SUCCEEDED });
    for (let count = 0; count < 3; count += 1) failOn(fleet, home);

    const [moved] = only(fleet.ask('m', talk), 'grant');

    expect(moved?.node).not.toBe(home);
    expect(moved?.record.by).toBe('affinity');
  });

  test('is used anyway when it is the only one, and its success ends that', () => {
    const fleet = withOpen(['a']);

    const [grant] = only(fleet.ask('m'), 'grant');
    expect(grant).toMatchObject({ node: 'a', record: { circuit: 'last_resort' } });
    expect(told(fleet.answer('m', { outcome: FAILED }))).toEqual([]);
    fleet.after(1);
    fleet.ask('m');
    expect(told(fleet.answer('m', { outcome: SUCCEEDED }))).toEqual(['use m on a again']);
  });

  test('is used for a request that may use no other', () => {
    const fleet = withOpen();

    expect(told(fleet.ask('m', { node: 'a' }))).toEqual(['grant a']);
    expect(told(fleet.ask('m', { tried: ['b'] }))).toEqual(['grant a']);
  });

  test('is used before a request has to wait', () => {
    const fleet = fleetOf(['a', 'b'], ['m'], { seats: { max_in_flight: 1, max_queue_depth: 0 } });
    for (let count = 0; count < 3; count += 1) failOn(fleet, 'a');

    expect(told(fleet.ask('m'))).toEqual(['grant b']);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
    expect(told(fleet.ask('m'))).toEqual([]);
  });

  test('comes after one whose connection only broke under this request', () => {
    expect(told(withOpen().ask('m', { avoided: 'b' }))).toEqual(['grant b']);
  });
});

describe('After the pause', () => {
  test('one request tries the replica, and the others stay away until it ends', () => {
    const fleet = withOpen();
    fleet.after(5000);

    const [probe] = only(fleet.ask('m'), 'grant');
    expect(probe).toMatchObject({ node: 'a', record: { circuit: 'probe' } });
    expect(told([...fleet.ask('m'), ...fleet.ask('m')])).toEqual(['grant b', 'grant b']);
    expect(told(fleet.answer('m', { node: 'a', outcome: SUCCEEDED }))).toEqual([
      'use m on a again',
    ]);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
    expect(fleet.state.circuits.has('a')).toBe(false);
  });

  test('each failure doubles the next one, up to 60 s, and a success starts anew', () => {
    const fleet = withOpen();
    const pauses: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      const [circuit] = circuitsOf(fleet, 'a');
      pauses.push(circuit?.remainingMs ?? 0);
      fleet.after(circuit?.remainingMs ?? 0);
      // Only the first is worth a line in the log.
      expect(failOn(fleet, 'a')).toEqual([]);
    }
    expect(pauses).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(circuitsOf(fleet, 'a')).toMatchObject([{ model: 'm', failures: 9 }]);

    fleet.after(60_000);
    use(fleet, { node: 'a', outcome: SUCCEEDED });
    for (let count = 0; count < 2; count += 1) failOn(fleet, 'a');
    expect(failOn(fleet, 'a')).toEqual(['avoid m on a for 5000 ms']);
  });

  test('another request tries it if the client of the first one left', () => {
    const fleet = withOpen();
    fleet.after(5000);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);

    fleet.answer('m');

    expect(only(fleet.ask('m'), 'grant')[0]).toMatchObject({
      node: 'a',
      record: { circuit: 'probe' },
    });
  });

  test('another request tries it once the first answer has begun, but only its end counts', () => {
    const fleet = withOpen();
    fleet.after(5000);
    const [first] = only(fleet.ask('m'), 'grant');
    expect(told(fleet.ask('m'))).toEqual(['grant b']);

    fleet.tell({ kind: 'lease_answers', leaseId: first?.leaseId ?? '' });

    expect(circuitsOf(fleet, 'a')).toHaveLength(1);
    expect(only(fleet.ask('m'), 'grant')[0]?.record.circuit).toBe('probe');
    fleet.answer('m', { node: 'a', outcome: FAILED });
    expect(circuitsOf(fleet, 'a')).toMatchObject([{ remainingMs: 10_000 }]);
  });

  test('another request tries it if the first one hangs for 60 s, whose failure still counts', () => {
    const fleet = withOpen();
    fleet.after(5000);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
    fleet.after(59_999);
    expect(told(fleet.ask('m'))).toEqual(['grant b']);
    fleet.after(1);

    const [second] = only(fleet.ask('m'), 'grant');
    expect(second).toMatchObject({ node: 'a', record: { circuit: 'probe' } });
    expect(told(fleet.ask('m'))).toEqual(['grant b']);

    fleet.answer('m', { node: 'a', outcome: FAILED });
    expect(circuitsOf(fleet, 'a')).toMatchObject([{ failures: 4, remainingMs: 10_000 }]);
  });

  test('requests from before it say nothing: neither failures nor successes', () => {
    const fleet = fleetOf(['a', 'b']);
    for (let count = 0; count < 6; count += 1) fleet.ask('m', { node: 'a' });
    for (let count = 0; count < 3; count += 1) fleet.answer('m', { outcome: FAILED });
    fleet.after(4000);

    fleet.answer('m', { outcome: FAILED });
    fleet.answer('m', { outcome: SUCCEEDED });
    expect(circuitsOf(fleet, 'a')).toMatchObject([{ failures: 3, remainingMs: 1000 }]);

    fleet.after(1000);
    fleet.answer('m', { outcome: FAILED });
    expect(circuitsOf(fleet, 'a')).toMatchObject([{ failures: 3, remainingMs: 0 }]);
  });
});

describe('A node', () => {
  test('that fails several models is avoided with all of them, also those that nobody asked for', () => {
    const fleet = fleetOf(['a', 'b'], ['m', 'n', 'o']);

    failOn(fleet, 'a', 'm');
    failOn(fleet, 'a', 'n');
    expect(failOn(fleet, 'a', 'm')).toEqual(['avoid all on a for 5000 ms']);

    expect(told(fleet.ask('o'))).toEqual(['grant b']);
    fleet.after(5000);
    expect(told([...fleet.ask('o'), ...fleet.ask('n')])).toEqual(['grant a', 'grant b']);
    expect(told(fleet.answer('o', { node: 'a', outcome: SUCCEEDED }))).toEqual([
      'use all on a again',
    ]);
    expect(told(fleet.ask('o'))).toEqual(['grant a']);
  });

  test('that fails one model keeps the others', () => {
    const fleet = fleetOf(['a', 'b'], ['m', 'n']);

    for (let count = 0; count < 3; count += 1) {
      failOn(fleet, 'a', 'm');
      use(fleet, { node: 'a', model: 'n', outcome: SUCCEEDED });
    }

    expect(circuitsOf(fleet, 'a')).toMatchObject([{ model: 'm' }]);
    expect(explainModel(fleet.state, { model: 'n' }).replicas[0]?.circuit).toBeUndefined();
    expect(told(fleet.ask('n'))).toEqual(['grant a']);
  });

  test('that goes down, is replaced or removed, or loses the model forgets its failures', () => {
    const down = withOpen();
    down.lose('a');
    expect(down.state.circuits.has('a')).toBe(false);

    const replaced = withOpen();
    const node = { name: 'a', endpoint: 'http://other' };
    const config = { nodes: [node], catalogue: [], aliases: [], failuresBeforeDown: 3 };
    replaced.tell({ kind: 'config_changed', config, settings: replaced.state.settings });
    expect(replaced.state.circuits.has('a')).toBe(false);

    const gone = withOpen();
    gone.tell({ kind: 'model_gone', node: 'a', model: 'm', atMs: gone.nowMs + 1 });
    expect(gone.state.circuits.open({ node: 'a' }, gone.nowMs)).toEqual([]);
  });

  test('that went down does not count what failed with it', () => {
    const fleet = fleetOf(['a', 'b']);
    for (let count = 0; count < 3; count += 1) fleet.ask('m', { node: 'a' });

    fleet.lose('a');
    for (let count = 0; count < 3; count += 1) fleet.answer('m', { outcome: FAILED });

    expect(fleet.state.circuits.has('a')).toBe(false);
  });
});

describe('A new load', () => {
  const cold = (): DecidedFleet => {
    const fleet = new DecidedFleet({
      hosts: {
        a: { loaded: { m: {}, n: {} }, config: { weight: 2 } },
        b: { loaded: { m: {} } },
      },
      models: ['m', 'n', 'new'].map((id) => ({ id, vramMb: 1000 })),
    });
    for (const model of ['m', 'n', 'm']) failOn(fleet, 'a', model);
    return fleet;
  };

  test('goes to a node that requests avoid only if no other can hold it', () => {
    expect(told(cold().ask('new'))).toEqual(['load new on b']);
    const fleet = cold();
    fleet.lose('b');
    expect(told(fleet.ask('new'))).toEqual(['load new on a']);
  });

  test('is explained with how long requests avoid the node', () => {
    const fleet = cold();
    fleet.after(1000);

    const { outlook } = explainModel(fleet.state, { model: 'new' });

    expect(outlook).toMatchObject({ kind: 'plan', node: 'b' });
    expect(outlook.candidates.find(({ node }) => node === 'a')).toMatchObject({
      feasible: true,
      lacked: [{ what: 'circuit', have: 4000, unit: 'ms' }],
    });
    expect(explainModel(fleet.state, { model: 'm' }).replicas).toMatchObject([
      { node: 'a', circuit: { node: 'a', failures: 3, code: 'node_unreachable' } },
      { node: 'b', circuit: undefined },
    ]);
  });
});

test('whatever requests come to, as many are served as without circuits', () => {
  const step = fc.record({
    what: fc.constantFrom('ask', 'ask', 'succeed', 'fail', 'fail', 'leave', 'pause'),
    pick: fc.nat(1000),
  });
  const outcomes = { succeed: SUCCEEDED, fail: FAILED, leave: undefined };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const seats = { max_in_flight: 2, max_queue_depth: 1 };
      const [fleet, twin] = [0, 1].map(() => fleetOf(['a', 'b', 'c'], ['m'], { seats }));
      for (const { what, pick } of steps) {
        if (what === 'pause') {
          fleet?.after(pick * 10);
          twin?.after(pick * 10);
        } else if (what === 'ask') {
          fleet?.ask('m');
          twin?.ask('m');
        } else if ((fleet?.state.leases.size ?? 0) > 0) {
          const outcome = outcomes[what];
          fleet?.answer('m', outcome && { outcome });
          twin?.answer('m');
        }
        expect(fleet?.state.leases.size).toBe(twin?.state.leases.size ?? -1);
        expect(fleet?.state.waiting('m')).toBe(twin?.state.waiting('m') ?? -1);
      }
    }),
    { numRuns: 100 },
  );
});
