import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape, only, told } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';
import { explainModel } from './explain.ts';

const OLD = { age_ms: 999_999, idle_ms: 999_999 };

/** `m` fits on a host only without what is there. */
const fleetOf = (
  hosts: Readonly<Record<string, HostShape>>,
  models: readonly CatalogueModel[] = [{ id: 'b', vramMb: 8000 }],
) =>
  new DecidedFleet({
    hosts,
    models: [{ id: 'm', vramMb: 8000 }, ...models],
    settings: { maxHoldMs: 20_000, maxWaitMs: 20_000, starveMs: 999_999 },
  });

const host = (loaded: Required<HostShape>['loaded']): HostShape => ({ gpus: [12_000], loaded });

const refusalOf = (fleet: DecidedFleet) =>
  only(fleet.ask('m', { stream: false }), 'refuse')[0]?.refusal;

describe('A request for a model that has no room', () => {
  test('is refused at once with what is pinned in its way: nothing changes by itself', () => {
    const fleet = fleetOf({ a: host({ b: { ...OLD, pinned: true } }) });

    expect(refusalOf(fleet)).toMatchObject({
      kind: 'no_room',
      candidates: [
        {
          node: 'a',
          lacked: [{ what: 'free_memory', need: 8000, have: 4000 }],
          blockers: [{ model: 'b', why: 'pinned', heldMib: 8000 }],
        },
      ],
    });
    expect(explainModel(fleet.state, { model: 'm' }).outlook.kind).toBe('impossible');
  });

  test('is refused at once if what is in its way has a higher priority and no ttl_s', () => {
    const higher = { id: 'b', vramMb: 8000, residencyPriority: 200 };
    const fleet = fleetOf({ a: host({ b: OLD }) }, [higher]);
    const ending = fleetOf({ a: host({ b: OLD }) }, [{ ...higher, ttlS: 60 }]);

    expect(refusalOf(fleet)).toMatchObject({
      kind: 'no_room',
      candidates: [{ blockers: [{ model: 'b', why: 'priority' }] }],
    });
    expect(refusalOf(ending)).toBeUndefined();
  });

  test('is refused when what it waits for is pinned meanwhile', () => {
    const fleet = fleetOf({ a: host({ b: OLD }) });
    fleet.ask('b');
    fleet.ask('m');

    expect(told(fleet.report('a', host({ b: { ...OLD, pinned: true } })))).toEqual([
      'refuse no_room',
    ]);
  });

  test('waits if what could leave would be enough beside what is pinned', () => {
    const fleet = fleetOf({ a: host({ b: OLD, pin: { ...OLD, pinned: true } }) }, [
      { id: 'b', vramMb: 8000 },
      { id: 'pin', vramMb: 3000 },
    ]);
    fleet.ask('b');

    expect(refusalOf(fleet)).toBeUndefined();
    expect(only(fleet.after(20_000), 'refuse')[0]?.refusal).toMatchObject({
      kind: 'waited_too_long',
      waitedFor: 'room',
      candidates: [
        {
          blockers: [
            { model: 'b', why: 'busy' },
            { model: 'pin', why: 'pinned' },
          ],
        },
      ],
    });
  });

  test('waits for a host to wake rather than being refused', () => {
    const asleep = { config: { expectedOffline: true, wakeMs: 60_000 } };
    const fleet = fleetOf({ a: host({ b: { ...OLD, pinned: true } }), z: asleep });
    fleet.lose('z');

    expect(told(fleet.ask('m'))).toEqual(['wake z']);
  });

  test('goes to a node without its file if the ones with it can make no room', () => {
    const fleet = fleetOf({
      a: host({ b: { ...OLD, pinned: true } }),
      z: { onDisk: [] },
    });

    expect(told(fleet.ask('m'))).toEqual(['load m on z']);
  });

  test('is told of a model that has its turn, for how long, and of one that is being loaded', () => {
    const fleet = fleetOf({ a: host({ b: { age_ms: 4000, idle_ms: 4000 } }), z: host({}) }, [
      { id: 'b', vramMb: 8000 },
      { id: 'c', vramMb: 8000, pinnedOn: ['z'] },
    ]);
    fleet.report('z', host({ c: { status: 'loading' } }));

    const { candidates } = explainModel(fleet.state, { model: 'm' }).outlook;

    expect(candidates.map(({ node, blockers }) => [node, blockers?.[0]?.why])).toEqual([
      ['a', 'turn'],
      ['z', 'pinned'],
    ]);
    expect(candidates[0]?.blockers?.[0]?.forMs).toBeGreaterThan(0);
  });

  test('is told which models are in use while they give way', () => {
    const fleet = fleetOf({ a: host({ b: OLD }) });
    fleet.configure({ starveMs: 1000 });
    fleet.ask('b');
    fleet.ask('m', { stream: false });
    const refused = [...fleet.after(30_000), ...fleet.after(100_000)];

    expect(only(refused, 'refuse')[0]?.refusal).toMatchObject({
      waitedFor: 'room',
      candidates: [{ node: 'a', blockers: [{ model: 'b', why: 'busy' }] }],
    });
  });
});
