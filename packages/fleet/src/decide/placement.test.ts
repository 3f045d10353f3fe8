import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape, only, told } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';

const fleetOf = (hosts: Readonly<Record<string, HostShape>>, model: Partial<CatalogueModel> = {}) =>
  new DecidedFleet({
    hosts,
    models: [
      { id: 'm', vramMb: 8000, ...model },
      { id: 'other', vramMb: 20_000 },
    ],
  });

const placed = (fleet: DecidedFleet): string | undefined => only(fleet.ask('m'), 'load')[0]?.node;

const OLD = { age_ms: 900_000, idle_ms: 900_000 };

describe('A model is placed', () => {
  test('on the node of pinned_on, even if another has more room', () => {
    const hosts = { a: { gpus: [80_000] }, b: {} };
    expect(placed(fleetOf(hosts, { pinnedOn: ['b'] }))).toBe('b');
  });

  test('on a GPU of 12 GB rather than in 64 GB of RAM', () => {
    const hosts = { a: { gpus: [], ramMib: 64_000 }, b: { gpus: [12_000] } };
    expect(placed(fleetOf(hosts))).toBe('b');
  });

  test('in RAM only if no GPU of the fleet could hold it', () => {
    const hosts = { a: { gpus: [], ramMib: 64_000 }, b: { gpus: [12_000] } };
    const fleet = fleetOf(hosts, { vramMb: 20_000, gpuLayers: 'all' });
    const [load] = only(fleet.ask('m'), 'load');
    expect(load).toMatchObject({ node: 'a', devices: [-1] });
  });

  test('waits for a busy GPU rather than going to RAM', () => {
    const hosts = { a: { gpus: [], ramMib: 64_000 }, b: { loaded: { other: {} } } };
    const fleet = fleetOf(hosts);
    fleet.ask('other');
    expect(placed(fleet)).toBeUndefined();
    expect(fleet.state.waiting('m')).toBe(1);
  });

  test('in RAM although a GPU of a host that is down could hold it, with allow_cpu', () => {
    const hosts = { a: { gpus: [], ramMib: 64_000 }, b: { config: { expectedOffline: true } } };
    const [allowed, refused] = [true, false].map((allowCpu) => fleetOf(hosts, { allowCpu }));
    allowed?.lose('b');
    refused?.lose('b');
    expect([allowed && placed(allowed), refused && placed(refused)]).toEqual(['a', undefined]);
  });

  test('with layers in RAM before the CPU alone, if it is too large for every GPU', () => {
    const hosts = { a: { gpus: [], ramMib: 64_000 }, b: { gpus: [12_000], ramMib: 32_000 } };
    const [load] = only(fleetOf(hosts, { vramMb: 20_000 }).ask('m'), 'load');
    expect(load).toMatchObject({ node: 'b', devices: [0] });
  });

  test('where it is on disk rather than where it must be downloaded', () => {
    expect(placed(fleetOf({ a: { onDisk: [] }, b: {} }))).toBe('b');
  });

  test('where it waits for room on a node with the file rather than downloading it elsewhere', () => {
    const fleet = fleetOf({ a: { onDisk: [] }, b: { loaded: { other: {} } } });
    fleet.ask('other');
    expect(placed(fleet)).toBeUndefined();
  });

  test('where there is room rather than where something must be evicted', () => {
    expect(placed(fleetOf({ a: { loaded: { other: OLD } }, b: { gpus: [9000] } }))).toBe('b');
  });

  test('on the faster of two nodes with room, then on the one with more room, then by name', () => {
    const fast = { config: { weight: 2 } };
    expect(placed(fleetOf({ a: {}, b: fast }))).toBe('b');
    expect(placed(fleetOf({ a: { gpus: [9000] }, b: { gpus: [10_000] } }))).toBe('b');
    expect(placed(fleetOf({ b: {}, a: {} }))).toBe('a');
  });

  test('on the card with more memory bandwidth rather than the one with more room', () => {
    const [fast, slow] = ['NVIDIA GeForce RTX 4090', 'NVIDIA GeForce RTX 3060'];
    const fleet = fleetOf({ a: { gpus: [48_000], card: slow }, b: { card: fast } });
    const [load] = only(fleet.ask('m'), 'load');
    expect(load?.node).toBe('b');
    const tokS = load?.record.candidates.map(({ node, speed }) => [
      node,
      Math.round(speed?.tokS ?? 0),
    ]);
    expect(tokS).toEqual([
      ['a', 26],
      ['b', 72],
    ]);
  });

  test('where the weight of a node makes up for its bandwidth', () => {
    const [fast, slow] = ['NVIDIA GeForce RTX 4090', 'NVIDIA GeForce RTX 3090'];
    const weighted = { card: slow, config: { weight: 1.5 } };
    expect(placed(fleetOf({ a: { card: fast }, b: { card: slow } }))).toBe('a');
    expect(placed(fleetOf({ a: { card: fast }, b: weighted }))).toBe('b');
  });

  test('by room among nodes of unknown speed, whatever the speed of the others', () => {
    const card = 'NVIDIA GeForce RTX 4090';
    expect(placed(fleetOf({ a: { card }, b: { gpus: [48_000] }, c: {} }))).toBe('b');
    expect(placed(fleetOf({ a: { card }, b: { config: { weight: 0.5 } } }))).toBe('a');
  });

  test('where evicting costs less rather than where it would be faster', () => {
    const loaded = { other: OLD };
    const card = 'NVIDIA GeForce RTX 4090';
    const fleet = fleetOf({
      a: { loaded },
      b: { loaded: { other: { idle_ms: 60_000, age_ms: 900_000 } }, card },
    });
    expect(placed(fleet)).toBe('a');
  });

  test('on several GPUs together if none alone can hold it', () => {
    const hosts = { a: { gpus: [12_000, 12_000] }, b: { gpus: [16_000] } };
    const [load] = only(fleetOf(hosts, { vramMb: 20_000 }).ask('m'), 'load');
    expect(load).toMatchObject({ node: 'a', devices: [0, 1] });
  });

  test('beside another on the GPU that has room, not on the sum of both', () => {
    const hosts = { a: { gpus: [12_000, 12_000], loaded: { other: { vram_used_mb: 8000 } } } };
    const [load] = only(fleetOf(hosts).ask('m'), 'load');
    expect(load?.devices).toEqual([1]);
  });

  test('by what was measured on that node before what the catalogue says', () => {
    const fleet = fleetOf({ a: { gpus: [9000] }, b: { gpus: [10_000] } });
    fleet.tell({ kind: 'estimated', node: 'a', model: 'm', mib: 9500 });
    fleet.tell({ kind: 'estimated', node: 'b', model: 'm', mib: 9500 });
    expect(placed(fleet)).toBe('b');
  });

  test('into what other programs leave free', () => {
    expect(placed(fleetOf({ a: { foreignMib: 18_000 }, b: { gpus: [9000] } }))).toBe('b');
  });

  test('on two GPUs once another program has left one of them, for which it waits', () => {
    const fleet = fleetOf(
      { a: { gpus: [24_000, 24_000], foreignMib: 10_000 } },
      { vramMb: 40_000 },
    );
    expect(told(fleet.ask('m'))).toEqual([]);
    expect(told(fleet.report('a', { foreignMib: 0 }))).toEqual(['load m on a']);
  });

  test('not on the GPUs that it may not use, however much they have once others have left', () => {
    const hosts = { a: { gpus: [24_000, 24_000], foreignMib: 10_000 } };
    const [refusal] = only(fleetOf(hosts, { vramMb: 40_000, devices: [0] }).ask('m'), 'refuse');
    expect(refusal?.refusal).toMatchObject({
      kind: 'too_large',
      candidates: [{ lacked: [{ what: 'memory', need: 40_000, have: 24_000 }] }],
    });
  });

  test('nowhere if one node is too small and another down, and the refusal says so of each', () => {
    const fleet = fleetOf({ small: { gpus: [4000] }, large: {} });
    fleet.lose('large');
    const [refusal] = only(fleet.ask('m'), 'refuse');
    expect(refusal?.refusal).toMatchObject({
      kind: 'no_room',
      candidates: [
        { node: 'large', lacked: [{ what: 'up' }] },
        { node: 'small', lacked: [{ what: 'memory', need: 8000, have: 4000 }] },
      ],
    });
  });

  test('nowhere for the operator either if only a slower tier is up, and the answer says so', () => {
    const hosts = { a: { gpus: [], ramMib: 64_000 }, b: { config: { expectedOffline: true } } };
    const fleet = fleetOf(hosts);
    fleet.lose('b');
    const call = { kind: 'operator_load', callId: 'c', model: 'm' } as const;
    const [answered] = only(fleet.tell(call), 'operator_answer');
    expect(answered?.answer).toMatchObject({
      kind: 'refused',
      refusal: { candidates: [{ lacked: [{ what: 'tier' }] }, { lacked: [{ what: 'up' }] }] },
    });
  });

  test('nowhere if its node has it loaded and cannot serve it, with the reason', () => {
    const servable = { ok: false, reason: 'too little memory' };
    const fleet = fleetOf({ a: { loaded: { m: { servable } } } });
    const [refusal] = only(fleet.ask('m'), 'refuse');
    expect(refusal?.refusal).toMatchObject({
      kind: 'no_room',
      candidates: [{ lacked: [{ what: 'servable', have: 'too little memory' }] }],
    });
  });

  test('nowhere on a node that drains, yields, lacks the harness or is down', () => {
    const fleet = fleetOf(
      {
        draining: { draining: true },
        yielding: { yielding: true },
        lacking: { harnesses: [] },
        down: {},
        fine: { gpus: [9000] },
      },
      { harness: 'llama' },
    );
    fleet.lose('down');
    const [load] = only(fleet.ask('m'), 'load');
    const lacked = load?.record.candidates.map(({ node, lacked: [first] }) => [node, first?.what]);
    expect(lacked).toEqual([
      ['down', 'up'],
      ['draining', 'undrained'],
      ['lacking', 'harness'],
      ['yielding', 'unyielding'],
      ['fine', undefined],
    ]);
    expect(load?.node).toBe('fine');
  });

  test('never twice into the same memory while another load is under way', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [16_000] } },
      models: [
        { id: 'm', vramMb: 9000 },
        { id: 'n', vramMb: 9000 },
      ],
    });
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
    expect(told(fleet.ask('n'))).toEqual([]);
  });

  test('on a host that sleeps only if it is the only place, which is then woken', () => {
    const asleep = { config: { expectedOffline: true, wakeMs: 120_000 } };
    const fleet = fleetOf({ a: { gpus: [4000] }, b: asleep });
    fleet.lose('b');
    expect(told(fleet.ask('m'))).toEqual(['wake b']);
    expect(told(fleet.report('b'))).toEqual(['load m on b']);
  });

  test('on a host that sleeps, which is woken, rather than after a model that others use', () => {
    const asleep = { config: { expectedOffline: true, wakeMs: 120_000 } };
    const fleet = fleetOf({ a: { loaded: { other: {} } }, b: asleep });
    fleet.lose('b');
    fleet.ask('other');
    expect(told(fleet.ask('m'))).toEqual(['wake b']);
    expect(told(fleet.report('b'))).toEqual(['load m on b']);
  });

  test('not at all on a host that did not wake in its time: the request is refused', () => {
    const asleep = { config: { expectedOffline: true, wakeMs: 120_000 } };
    const fleet = fleetOf({ a: asleep });
    fleet.lose('a');
    fleet.ask('m');
    expect(told(fleet.tell({ kind: 'wake_failed', node: 'a' }))).toEqual([
      'refuse no_healthy_node',
    ]);
  });
});

describe('A model that fits nowhere', () => {
  test('even alone is refused with what each node has', () => {
    const fleet = fleetOf({ a: { gpus: [6000] }, b: { gpus: [4000] } }, { gpuLayers: 'all' });
    const [refusal] = only(fleet.ask('m'), 'refuse');
    expect(refusal?.refusal).toMatchObject({
      kind: 'too_large',
      candidates: [
        { node: 'a', lacked: [{ what: 'memory', need: 8000, have: 6000, unit: 'MiB' }] },
        { node: 'b', lacked: [{ what: 'memory', need: 8000, have: 4000, unit: 'MiB' }] },
      ],
    });
  });

  test('while another program has the GPU waits until it gives the memory back', () => {
    const fleet = fleetOf({ a: { gpus: [10_000], foreignMib: 6000 } }, { gpuLayers: 'all' });
    expect(told(fleet.ask('m'))).toEqual([]);
    fleet.after(1000);
    expect(told(fleet.report('a', { foreignMib: 0 }))).toEqual(['load m on a']);
  });

  test('because its node is down is refused with that node', () => {
    const fleet = fleetOf({ a: {} });
    fleet.lose('a');
    expect(only(fleet.ask('m'), 'refuse')[0]?.refusal).toMatchObject({
      kind: 'no_healthy_node',
      nodes: [{ node: 'a' }],
    });
  });
});
