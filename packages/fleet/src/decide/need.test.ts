import { describe, expect, test } from 'bun:test';

import { decide } from '../index.ts';
import { needMib } from './need.ts';
import { DecidedFleet, only, told } from '../../test/decided-fleet.ts';

describe('What a model needs', () => {
  const estimates = (fleet: DecidedFleet): number => only(fleet.actions, 'estimate').length;

  test('is asked for again when its settings change, and only then', () => {
    const large = { id: 'm', vramMb: 30_000, contextLength: 131_072, slots: 1 };
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [large] });
    expect(told(fleet.ask('m'))).toEqual(['refuse too_large']);
    fleet.configure();
    expect(told(fleet.ask('m'))).toEqual(['refuse too_large']);
    expect(estimates(fleet)).toBe(1);
    fleet.configure({}, [{ ...large, vramMb: 8000, contextLength: 8192 }]);
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
  });

  test('is not what was measured with other settings, even by a load that ran during the change', () => {
    const large = { id: 'm', vramMb: 20_000, contextLength: 131_072, slots: 1 };
    const small = { ...large, vramMb: 8000, contextLength: 8192 };
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [large] });
    fleet.ask('m');
    fleet.after(60_000);
    fleet.configure({}, [small]);
    fleet.endLoad('a', 'm');
    expect(fleet.state.facts.find('a', 'm')).toMatchObject({
      needMib: undefined,
      loadMs: undefined,
    });
    expect(fleet.state.speeds.size).toBe(0);
  });

  test('is not what a load with the settings before ran out of: it is tried with the new ones', () => {
    const large = { id: 'm', vramMb: 20_000, contextLength: 131_072, slots: 1 };
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [large] });
    fleet.ask('m');
    fleet.configure({}, [{ ...large, vramMb: 8000, contextLength: 8192 }]);
    const failure = { kind: 'failed', reason: 'no memory', isTransient: true } as const;
    expect(told(fleet.endLoad('a', 'm', { ...failure, needMib: 30_000 }))).toEqual(['load m on a']);
  });

  test('is not the answer to a question about the settings before', () => {
    const large = { id: 'm', contextLength: 131_072, slots: 1 };
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [large] });
    const { state } = fleet;
    decide(state, { kind: 'arrived', request: fleet.request('m') }, fleet.nowMs);
    fleet.configure({}, [{ ...large, vramMb: 8000, contextLength: 8192 }]);
    const answer = { kind: 'estimated', node: 'a', model: 'm', mib: 30_000 } as const;
    expect(told(fleet.tell(answer))).toEqual(['load m on a']);
    expect(state.facts.find('a', 'm')?.needMib).toBe(8000);
  });
});

describe('A model whose context or slots are automatic', () => {
  const wide = { vram_used_mb: 22_000, age_ms: 900_000, idle_ms: 900_000 };
  const small = { gpus: [12_000] };

  test('does not need elsewhere what it holds on a large GPU', () => {
    const fleet = new DecidedFleet({
      hosts: {
        a: { loaded: { m: wide }, seats: { max_in_flight: 1, max_queue_depth: 0 } },
        b: small,
      },
      models: [{ id: 'm', vramMb: 8000, slots: 4, maxReplicas: 2 }],
    });
    fleet.ask('m');
    fleet.ask('m');
    expect(told(fleet.after(60_000))).toEqual(['load m on b']);
  });

  test('is asked for of a node that is too small for what a larger one estimates', () => {
    const fleet = new DecidedFleet({ hosts: { a: {}, b: small }, models: [{ id: 'm' }] });
    decide(fleet.state, { kind: 'arrived', request: fleet.request('m') }, fleet.nowMs);
    const answer = { kind: 'estimated', model: 'm' } as const;
    const next = decide(fleet.state, { ...answer, node: 'a', mib: 22_000 }, fleet.nowMs);
    expect(only(next, 'estimate')).toMatchObject([{ node: 'b' }]);
    expect(told(fleet.tell({ ...answer, node: 'b', mib: 11_000 }))).toEqual(['load m on a']);
    expect(told(fleet.lose('a'))).toEqual(['cancel m on a', 'load m on b']);
  });

  test('shares a GPU with another although it had all of it before', () => {
    const fleet = new DecidedFleet({
      hosts: { a: {} },
      models: [
        { id: 'm', vramMb: 8000 },
        { id: 'n', vramMb: 8000 },
      ],
    });
    fleet.ask('m');
    fleet.report('a', { loaded: { m: wide } });
    fleet.tell({ kind: 'load_ended', node: 'a', model: 'm', outcome: { kind: 'loaded' } });
    fleet.answer('m');
    fleet.report('a', { loaded: { n: {} } });
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
  });

  test('is placed by the least that it holds on a node that is up if no node can estimate it', () => {
    const fleet = new DecidedFleet({
      hosts: {
        a: { loaded: { m: { ...wide, vram_used_mb: 7000 } } },
        b: { loaded: { m: wide } },
        c: { loaded: { m: { ...wide, vram_used_mb: 9000 } } },
      },
      models: [{ id: 'm' }],
    });
    fleet.lose('a');
    expect(needMib(fleet.state, 'd', 'm')).toBe(9000);
  });

  test('needs what it holds with fixed ones, measured on a node that is up', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: wide } }, b: {} },
      models: [{ id: 'm', vramMb: 8000, contextLength: 8192, slots: 4 }],
    });
    expect(needMib(fleet.state, 'b', 'm')).toBe(22_000);
    fleet.lose('a');
    expect(needMib(fleet.state, 'b', 'm')).toBe(8000);
  });
});

describe('The time of a load', () => {
  const SOURCE = { id: 'm', vramMb: 8000, source: 'hf:org/m' };
  const loadMs = ({ state }: DecidedFleet): number | undefined =>
    state.facts.find('a', 'm')?.loadMs;

  test('is that of the load without the download before it', () => {
    const fleet = new DecidedFleet({ hosts: { a: { onDisk: [] } }, models: [SOURCE] });
    fleet.ask('m');
    fleet.after(400_000);
    fleet.endLoad('a', 'm');
    expect([loadMs(fleet), fleet.state.speeds.get('a')]).toEqual([undefined, undefined]);
    expect(fleet.state.facts.find('a', 'm')?.needMib).toBe(8000);
  });

  test('is not known if the node downloads something although it has the file', () => {
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [SOURCE] });
    fleet.ask('m');
    const pulling = { kind: 'model_status', node: 'a', model: 'm', status: 'pulling' } as const;
    fleet.tell({ ...pulling, atMs: fleet.nowMs });
    fleet.after(400_000);
    fleet.endLoad('a', 'm');
    expect(loadMs(fleet)).toBeUndefined();
  });

  test('begins when the last victim has left', () => {
    const other = { id: 'other', vramMb: 20_000 };
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { other: { age_ms: 900_000, idle_ms: 900_000 } } } },
      models: [SOURCE, other],
    });
    expect(told(fleet.ask('m'))).toEqual(['load m on a after other']);
    fleet.after(60_000);
    fleet.unload('a', 'other');
    fleet.after(5000);
    fleet.endLoad('a', 'm');
    expect(loadMs(fleet)).toBe(5000);
  });
});
