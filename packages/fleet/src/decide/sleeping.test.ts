import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape, only, told } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';
import type { EvictionStep } from './events.ts';

const OLD = { age_ms: 900_000, idle_ms: 900_000 };
const CAN_SLEEP = { ...OLD, can_sleep: true };
/** What the entry of a model shows while it sleeps and keeps 1000 MiB. */
const ASLEEP = { ...CAN_SLEEP, status: 'sleeping', vram_used_mb: 1000 };
const MODELS: readonly CatalogueModel[] = [
  { id: 'old', vramMb: 20_000, contextLength: 8192, slots: 1 },
  { id: 'other', vramMb: 20_000, contextLength: 8192, slots: 1 },
  { id: 'new', vramMb: 20_000, contextLength: 8192, slots: 1 },
];

const fleetOf = (hosts: Readonly<Record<string, HostShape>>, models = MODELS) =>
  new DecidedFleet({ hosts, models });

/** One GPU of 24,000 MiB with `old` on it. */
const full = (entry: HostShape['loaded'] = { old: CAN_SLEEP }) => fleetOf({ a: { loaded: entry } });

const leaving = (fleet: DecidedFleet, model = 'new'): readonly EvictionStep[] | undefined =>
  only(fleet.ask(model), 'load')[0]?.after;

describe('A model that has to leave', () => {
  test('is put to sleep where its node can do that', () => {
    expect(leaving(full({ old: { ...CAN_SLEEP, generation: 7 } }))).toEqual([
      { by: 'sleep', model: 'old', ifGeneration: 7, keepsMib: 0 },
    ]);
  });

  test('is unloaded where its node cannot, or does not say', () => {
    for (const can_sleep of [false, undefined]) {
      const [step] = leaving(full({ old: { ...OLD, can_sleep } })) ?? [];
      expect(step).toMatchObject({ by: 'unload', model: 'old' });
    }
  });

  test('leaves rather where it can sleep, because it comes back sooner', () => {
    const fleet = fleetOf({ a: { loaded: { old: OLD } }, b: { loaded: { other: CAN_SLEEP } } });
    expect(told(fleet.ask('new'))).toEqual(['load new on b after other']);
  });

  test('frees asleep what it held less what it kept there the last time', () => {
    const fleet = full({ old: ASLEEP });
    fleet.report('a', { loaded: { old: CAN_SLEEP } });
    const [load] = only(fleet.ask('new'), 'load');
    expect(load?.after).toMatchObject([{ by: 'sleep', keepsMib: 1000 }]);
    expect(load?.record.victims).toMatchObject([{ by: 'sleep', freesMib: 19_000 }]);
  });

  test('is unloaded where it keeps too much asleep', () => {
    const fleet = full({ old: { ...ASLEEP, vram_used_mb: 6000 } });
    fleet.report('a', { loaded: { old: CAN_SLEEP } });
    expect(leaving(fleet)).toMatchObject([{ by: 'unload', keepsMib: 0 }]);
  });

  test('is unloaded for a model that needs RAM', () => {
    const fleet = fleetOf(
      { a: { ramMib: 30_000, gpus: [], loaded: { old: { ...CAN_SLEEP, devices: [-1] } } } },
      MODELS.map((model) => ({ ...model, allowCpu: true })),
    );
    expect(leaving(fleet)).toMatchObject([{ by: 'unload' }]);
  });

  test('leaves for good if it sleeps already and what it keeps is in the way', () => {
    const [step] = leaving(full({ old: { ...ASLEEP, vram_used_mb: 6000 } })) ?? [];
    expect(step).toMatchObject({ by: 'unload', model: 'old' });
  });

  test('goes on sleeping if it stays after all, and gets no requests', () => {
    const statusOf = ({ state }: DecidedFleet): string | undefined =>
      state.snapshot.nodes.get('a')?.replicas.get('old')?.status;
    const asleep = () => {
      const fleet = full({ old: { ...ASLEEP, vram_used_mb: 6000 } });
      expect(told(fleet.ask('new', { id: 'first' }))).toEqual(['load new on a after old']);
      return fleet;
    };

    const kept = asleep();
    kept.unload('a', 'old', 'kept');
    expect(statusOf(kept)).toBe('sleeping');
    kept.endLoad('a', 'new', { kind: 'cancelled' });
    expect(told(kept.ask('old'))).not.toContain('grant a');

    const cancelled = asleep();
    cancelled.tell({ kind: 'left', model: 'new', requestId: 'first' });
    cancelled.tell({
      kind: 'load_ended',
      node: 'a',
      model: 'new',
      outcome: { kind: 'cancelled' },
    });
    expect(statusOf(cancelled)).toBe('sleeping');
    expect(told(cancelled.ask('old'))).toEqual(['load old on a']);
    // The call for it ends after its load.
    cancelled.unload('a', 'old', 'kept');
    expect(told(cancelled.ask('old'))).toEqual([]);
  });

  test('that fell asleep before its load was cancelled gets no requests', () => {
    const fleet = full();
    expect(told(fleet.ask('new', { id: 'first' }))).toEqual(['load new on a after old']);
    fleet.report('a', { loaded: { old: ASLEEP } });

    fleet.tell({ kind: 'left', model: 'new', requestId: 'first' });
    fleet.tell({ kind: 'load_ended', node: 'a', model: 'new', outcome: { kind: 'cancelled' } });

    expect(told(fleet.ask('old'))).toEqual(['load old on a']);
  });

  test('makes the plan anew if it turns out to keep more asleep than was known', () => {
    const fleet = full();
    expect(leaving(fleet)).toMatchObject([{ by: 'sleep' }]);
    fleet.report('a', { loaded: { old: { ...ASLEEP, vram_used_mb: 6000 } } });
    fleet.unload('a', 'old', 'slept');

    const again = fleet.tell({
      kind: 'load_ended',
      node: 'a',
      model: 'new',
      outcome: { kind: 'changed' },
    });

    expect(only(again, 'load')[0]?.after).toMatchObject([{ by: 'unload', model: 'old' }]);
  });

  test('does not count as sleeping before it sleeps, so that what it held is not taken for what it keeps', () => {
    const fleet = full();
    fleet.ask('new');
    fleet.report('a', { loaded: { old: { ...ASLEEP, vram_used_mb: 20_000 } } });
    expect(fleet.state.facts.find('a', 'old')?.asleepMib).toBeUndefined();
    fleet.report('a', { loaded: { old: ASLEEP } });
    fleet.unload('a', 'old', 'slept');
    expect(fleet.state.facts.find('a', 'old')?.asleepMib).toBe(1000);
  });
});

describe('A model that sleeps', () => {
  test('is woken where it sleeps rather than loaded where more is free', () => {
    const fleet = fleetOf({ a: { loaded: { old: ASLEEP } }, b: { gpus: [80_000] } });
    expect(told(fleet.ask('old'))).toEqual(['load old on a']);
  });

  test('needs no room for what it keeps', () => {
    const hosts = { a: { gpus: [20_500], loaded: { old: ASLEEP } } };
    expect(told(fleetOf(hosts).ask('old'))).toEqual(['load old on a']);
  });

  test('has others put to sleep for it, so that two models of vLLM take turns', () => {
    const fleet = full({ old: ASLEEP, other: CAN_SLEEP });
    expect(leaving(fleet, 'old')).toMatchObject([{ by: 'sleep', model: 'other' }]);
  });

  test('wakes on the GPU that it had', () => {
    const loaded = { old: { ...ASLEEP, devices: [1] } };
    const fleet = fleetOf({ a: { gpus: [24_000, 24_000], loaded } });
    const [load] = only(fleet.ask('old'), 'load');
    expect(load?.devices).toEqual([1]);
  });

  test('says nothing of what it needs awake', () => {
    const [measured, ...others] = MODELS;
    const models = [{ ...measured, id: 'old', vramMb: undefined }, ...others];
    const fleet = fleetOf({ a: { loaded: { old: ASLEEP } }, b: {} }, models);
    const [candidate] = only(fleet.ask('old', { node: 'b' }), 'load');
    expect(candidate?.record.needMib).toBeUndefined();
  });

  test('has its wake measured apart from its loads', () => {
    const fleet = fleetOf({ a: { loaded: {} } });
    fleet.ask('old');
    fleet.after(30_000);
    fleet.endLoad('a', 'old');
    const bytesPerMs = fleet.state.speeds.get('a');
    fleet.answer('old');
    fleet.report('a', { loaded: { old: { ...ASLEEP, generation: 2 } } });
    fleet.ask('old');
    fleet.after(2000);
    fleet.endLoad('a', 'old');

    const { loadMs, wakeMs } = fleet.state.facts.find('a', 'old') ?? {};
    expect([loadMs, wakeMs, fleet.state.speeds.get('a')]).toEqual([30_000, 2000, bytesPerMs]);
  });

  test('has its wake measured also if its node fetches the files itself', () => {
    const models = MODELS.map((model) => ({ ...model, source: 'hf:org/m' }));
    const fleet = fleetOf({ a: { loaded: { old: { ...ASLEEP, on_disk: false } } } }, models);
    fleet.ask('old');
    fleet.after(2000);
    fleet.endLoad('a', 'old');
    expect(fleet.state.facts.find('a', 'old')?.wakeMs).toBe(2000);
  });
});
