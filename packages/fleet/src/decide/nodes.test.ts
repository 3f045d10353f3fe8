import { describe, expect, test } from 'bun:test';

import { DecidedFleet, told } from '../../test/decided-fleet.ts';

describe('A node', () => {
  const two = () =>
    new DecidedFleet({
      hosts: { a: { loaded: { m: {} } }, b: { loaded: { m: {} } } },
      models: [{ id: 'm', vramMb: 8000 }],
    });

  test('that drains gets no new requests and finishes the old ones', () => {
    const fleet = two();
    fleet.ask('m', { node: 'a' });
    const atMs = fleet.nowMs;
    fleet.tell({ kind: 'draining_changed', node: 'a', draining: true, atMs });
    expect(told([...fleet.ask('m'), ...fleet.ask('m')])).toEqual(['grant b', 'grant b']);
    expect(fleet.state.leases.on('m', 'a')).toBe(1);
  });

  test('that is removed takes its leases, loads and claims with it', () => {
    const fleet = two();
    fleet.ask('m', { node: 'a' });
    const config = {
      nodes: [{ name: 'b', endpoint: 'http://b' }],
      catalogue: [{ id: 'm' }],
      aliases: [],
      failuresBeforeDown: 3,
    };
    fleet.tell({ kind: 'config_changed', config, settings: fleet.state.settings });
    expect(fleet.state.leases.size).toBe(0);
    expect(fleet.state.snapshot.nodes.has('a')).toBe(false);
  });

  test('that is saturated is full, not dead: its models stay and its requests wait', () => {
    const fleet = new DecidedFleet({
      hosts: {
        a: { loaded: { m: { age_ms: 999_999 } }, seats: { max_in_flight: 1, max_queue_depth: 0 } },
      },
      models: [
        { id: 'm', vramMb: 20_000 },
        { id: 'n', vramMb: 20_000 },
      ],
    });
    fleet.ask('m');
    expect(told(fleet.ask('m'))).toEqual([]);
    expect(told(fleet.ask('n'))).toEqual([]);
    expect(fleet.state.snapshot.nodes.get('a')?.state).toBe('up');
  });

  test('that refused for a full queue gets the next request after a release, not at once', () => {
    const fleet = new DecidedFleet({ hosts: { a: { loaded: { m: {} } } }, models: [{ id: 'm' }] });
    fleet.ask('m');
    const atMs = fleet.nowMs;
    fleet.tell({ kind: 'model_full', node: 'a', model: 'm', ownInFlight: 1, atMs });
    expect(told(fleet.ask('m'))).toEqual([]);
    expect(told(fleet.answer('m'))).toEqual(['grant a']);
  });

  test('that failed a request does not get it again', () => {
    const fleet = two();
    expect(told(fleet.ask('m', { tried: ['a'] }))).toEqual(['grant b']);
    expect(told(fleet.ask('m', { tried: ['a', 'b'] }))).toEqual(['refuse all_tried']);
  });

  test('that holds a model of no catalogue serves it and loads it again', () => {
    const fleet = new DecidedFleet({ hosts: { a: { onDisk: ['stray'] } }, models: [] });
    expect(told(fleet.ask('stray'))).toEqual(['load stray on a']);
  });
});
