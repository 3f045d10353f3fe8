import { describe, expect, test } from 'bun:test';

import { DecidedFleet, only, told } from '../../test/decided-fleet.ts';

/** One host with room for one of two models; `x` is loaded, `loadMs` a load. Nothing is measured: 10,000 MiB take 11.5 s. */
function alternate(settings = {}) {
  const fleet = new DecidedFleet({
    hosts: { a: { gpus: [12_000], seats: { max_in_flight: 4, max_queue_depth: 8 } } },
    models: [
      { id: 'x', vramMb: 10_000 },
      { id: 'y', vramMb: 10_000 },
    ],
    settings: { minResidencyMs: 1000, starveMs: 30_000, holdMs: 5000, ...settings },
  });
  fleet.ask('x');
  fleet.after(10_000);
  fleet.endLoad('a', 'x');
  return fleet;
}

describe('Two models that fit only alternately', () => {
  test('are both served by one host, in turns', () => {
    const fleet = alternate();
    fleet.answer('x');
    expect(told(fleet.ask('y'))).toEqual([]);
    expect(told(fleet.after(20_000))).toEqual(['load y on a after x']);
    expect(told(fleet.endLoad('a', 'y'))).toEqual(['grant a']);
  });

  test('A B A B becomes A A B B: requests for the loaded model go first', () => {
    const fleet = alternate();
    fleet.ask('y');
    expect(told(fleet.ask('x'))).toEqual(['grant a']);
    fleet.ask('y');
    fleet.answer('x');
    fleet.answer('x');
    fleet.after(20_000);
    expect(told(fleet.endLoad('a', 'y'))).toEqual(['grant a', 'grant a']);
  });

  test('a turn lasts at least twice the load time of its model', () => {
    const fleet = alternate();
    fleet.answer('x');
    fleet.ask('y');
    expect(told(fleet.after(19_999))).toEqual([]);
    expect(told(fleet.after(1))).toEqual(['load y on a after x']);
  });

  test('a turn lasts at least min_residency_s, if that is longer', () => {
    const fleet = alternate({ minResidencyMs: 25_000 });
    fleet.answer('x');
    fleet.ask('y');
    expect(told(fleet.after(24_999))).toEqual([]);
    expect(told(fleet.after(1))).toEqual(['load y on a after x']);
  });

  test('a turn is not cut short by a model that starves, whether the one that has it is idle or busy', () => {
    const idle = alternate({ minResidencyMs: 45_000 });
    idle.answer('x');
    idle.ask('y');
    expect(told(idle.after(44_999))).toEqual([]);
    expect(told(idle.after(1))).toEqual(['load y on a after x']);

    const busy = alternate({ minResidencyMs: 45_000 });
    busy.ask('y');
    busy.after(44_999);
    expect(told(busy.ask('x'))).toEqual(['grant a']);
    busy.after(1);
    expect(told(busy.ask('x'))).toEqual([]);
  });

  test('a timer is set for the end of the turn', () => {
    const fleet = alternate();
    fleet.answer('x');
    expect(only(fleet.ask('y'), 'timer').at(-1)?.atMs).toBe(fleet.nowMs + 20_000);
  });

  test('a busy one gets no new requests once the other has waited for starve_s, and leaves when idle', () => {
    const fleet = alternate();
    fleet.ask('y');
    fleet.after(29_000);
    expect(told(fleet.ask('x'))).toEqual(['grant a']);
    fleet.after(1000);
    expect(told(fleet.ask('x'))).toEqual([]);
    fleet.answer('x');
    expect(told(fleet.answer('x'))).toEqual(['load y on a after x']);
  });

  test('the one that had to leave waits for its turn again, and is not lost', () => {
    const fleet = alternate();
    fleet.ask('y');
    fleet.after(35_000);
    fleet.ask('x', { id: 'again' });
    fleet.answer('x');
    fleet.endLoad('a', 'y');
    fleet.answer('y');
    expect(told(fleet.after(60_000))).toEqual(['load x on a after y']);
    expect(only(fleet.endLoad('a', 'x'), 'grant')[0]?.requestId).toBe('again');
  });

  test('a claim ends with the request that it was made for', () => {
    const fleet = alternate();
    fleet.ask('y', { id: 'gone' });
    fleet.after(35_000);
    expect(told(fleet.ask('x'))).toEqual([]);
    expect(told(fleet.tell({ kind: 'left', model: 'y', requestId: 'gone' }))).toEqual(['grant a']);
  });

  test('nobody else takes the memory that a starving model waits for', () => {
    const fleet = new DecidedFleet({
      hosts: {
        a: { loaded: { x: { age_ms: 99_999 }, w: { age_ms: 99_999 } } },
      },
      models: [
        { id: 'x', vramMb: 12_000 },
        { id: 'w', vramMb: 12_000 },
        { id: 'large', vramMb: 24_000 },
        { id: 'small', vramMb: 12_000 },
      ],
      settings: { starveMs: 10_000 },
    });
    fleet.ask('x');
    fleet.ask('w');
    fleet.ask('large');
    fleet.after(90_000);
    fleet.ask('small');
    expect(told(fleet.answer('x'))).toEqual([]);
    expect(told(fleet.answer('w'))).toEqual(['load large on a after w,x']);
  });
});

describe('A conversation with short pauses', () => {
  const talk = (fleet: DecidedFleet, pauseMs: number, turns: number): void => {
    for (let turn = 0; turn < turns; turn += 1) {
      fleet.ask('x', { affinityKey: () => 'agent' });
      fleet.after(2000);
      fleet.answer('x');
      if (turn < turns - 1) fleet.after(pauseMs);
    }
  };

  /** `x` is loaded, its turn is over and nobody waits. */
  const settled = () => {
    const fleet = alternate();
    fleet.answer('x');
    fleet.after(60_000);
    return fleet;
  };

  test('holds its model until its next request can be there, although the queue is empty', () => {
    const fleet = settled();
    talk(fleet, 500, 3);
    expect(told(fleet.ask('y'))).toEqual([]);
    expect(told(fleet.after(4999))).toEqual([]);
    expect(told(fleet.after(1))).toEqual(['load y on a after x']);
  });

  test('finds its model when the next request comes in time', () => {
    const fleet = settled();
    talk(fleet, 500, 3);
    fleet.ask('y');
    fleet.after(500);
    expect(told(fleet.ask('x', { affinityKey: () => 'agent' }))).toEqual(['grant a']);
  });

  test('holds nothing when its pauses are longer than hold_s', () => {
    const fleet = settled();
    talk(fleet, 20_000, 3);
    expect(told(fleet.ask('y'))).toEqual(['load y on a after x']);
  });

  test('holds nothing with hold_s = 0', () => {
    const fleet = alternate({ holdMs: 0 });
    fleet.answer('x');
    fleet.after(60_000);
    talk(fleet, 500, 3);
    expect(told(fleet.ask('y'))).toEqual(['load y on a after x']);
  });

  test('does not hold its model against a request that has waited for starve_s', () => {
    const fleet = settled();
    talk(fleet, 500, 3);
    expect(told(fleet.ask('y', { arrivedMs: fleet.nowMs - 30_000 }))).toEqual([
      'load y on a after x',
    ]);
  });

  test('a busy one that left by itself gets requests again when it comes back', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [10_000], loaded: { x: { age_ms: 999_999 } } } },
      models: [
        { id: 'x', vramMb: 8000 },
        { id: 'y', vramMb: 8000 },
      ],
    });
    fleet.ask('x');
    fleet.ask('y');
    fleet.after(60_000);
    expect(fleet.state.claims.get('a')).toBe('y');

    // Somebody unloads it by force.
    expect(told(fleet.report('a', { loaded: {} }))).toEqual(['load y on a']);
    fleet.endLoad('a', 'y');
    fleet.answer('y');
    fleet.after(600_000);
    expect(told(fleet.ask('x'))).toEqual(['load x on a after y']);
    expect(told(fleet.endLoad('a', 'x'))).toEqual(['grant a']);
  });

  test('a claim follows what is in its way: a victim that is pinned meanwhile gets requests again', () => {
    const busy = { age_ms: 999_999 };
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [16_000], loaded: { x: busy, z: busy } } },
      models: ['x', 'y', 'z'].map((id) => ({ id, vramMb: 8000 })),
    });
    fleet.ask('x');
    fleet.ask('z');
    fleet.ask('y');
    fleet.after(60_000);
    const [victim = ''] = ['x', 'z'].filter((id) => fleet.state.isYielding('a', id));
    const [other = ''] = ['x', 'z'].filter((id) => id !== victim);

    fleet.report('a', {
      loaded: { [other]: busy, [victim]: { ...busy, pinned: true } },
    });

    expect([victim, other].map((id) => fleet.state.isYielding('a', id))).toEqual([false, true]);
    expect(told(fleet.ask(victim))).toEqual(['grant a']);
  });
});
