import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape, only } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';
import type { ExpectedSpeed } from './record.ts';
import { activeRatio, speedOfUnit } from './expected-speed.ts';

const RTX_3090 = 'NVIDIA GeForce RTX 3090';
const OLD = { age_ms: 900_000, idle_ms: 900_000 };

const fleetOf = (hosts: Readonly<Record<string, HostShape>>, models: readonly CatalogueModel[]) =>
  new DecidedFleet({ hosts, models });

/** What the plan of the next load says about the speed on its node. */
function planned(fleet: DecidedFleet, model: string): ExpectedSpeed | undefined {
  const [load] = only(fleet.ask(model), 'load');
  return load?.record.candidates.find(({ node }) => node === load.node)?.speed;
}

const tokS = (fleet: DecidedFleet, model: string): number | undefined =>
  planned(fleet, model)?.tokS;

/** MiB/s of the published 936 GB/s. */
const PUBLISHED_MIB_S = 936e9 / (1 << 20);

describe('The expected speed of a model', () => {
  test('is part of the published bandwidth over its bytes, until something was measured', () => {
    const fleet = fleetOf({ a: { card: RTX_3090 } }, [{ id: 'm', vramMb: 10_000 }]);
    expect(planned(fleet, 'm')).toEqual({
      tokS: (PUBLISHED_MIB_S * 0.6) / 10_000,
      isMeasured: false,
    });
  });

  test('follows what another model has shown of that node', () => {
    const hosts = { a: { gpus: [80_000], loaded: { other: OLD }, seats: { tok_s_decode: 40 } } };
    const fleet = fleetOf(hosts, [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ]);
    expect(tokS(fleet, 'm')).toBeCloseTo(80);
  });

  test('keeps the best that was seen', () => {
    const hosts = { a: { gpus: [80_000], loaded: { other: OLD }, seats: { tok_s_decode: 40 } } };
    const fleet = fleetOf(hosts, [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ]);
    fleet.report('a', { seats: { tok_s_decode: 5 } });
    expect(tokS(fleet, 'm')).toBeCloseTo(80);
  });

  test('never rests on more than the card can read, as answers that share a step seem to show', () => {
    const loaded = { other: OLD };
    const hosts = { a: { card: RTX_3090, gpus: [80_000], loaded, seats: { tok_s_decode: 1000 } } };
    const fleet = fleetOf(hosts, [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ]);
    expect(tokS(fleet, 'm')).toBeCloseTo(PUBLISHED_MIB_S / 4000);
  });

  test('is the measured one where it has run, also after it left', () => {
    const loaded = { m: { ...OLD, vram_used_mb: 8000 } };
    const hosts = { a: { card: RTX_3090, loaded, seats: { tok_s_decode: 33 } } };
    const fleet = fleetOf(hosts, [{ id: 'm', vramMb: 8000 }]);
    fleet.report('a', { loaded: {} });
    expect(planned(fleet, 'm')).toEqual({ tokS: 33, isMeasured: true });
  });

  test('is predicted again once the settings of the model change', () => {
    const loaded = { m: { ...OLD, vram_used_mb: 8000 } };
    const hosts = { a: { loaded, seats: { tok_s_decode: 33 } } };
    const fleet = fleetOf(hosts, [{ id: 'm', vramMb: 8000, quant: 'Q8_0' }]);
    fleet.report('a', { loaded: {} });
    fleet.configure({}, [{ id: 'm', vramMb: 4000, quant: 'Q4_K_M' }]);
    const speed = planned(fleet, 'm');
    expect(speed?.isMeasured).toBe(false);
    expect(speed?.tokS).toBeCloseTo(66);
  });

  test('counts only the active experts of a model whose name tells them', () => {
    const moe = 'Qwen/Qwen3-30B-A3B';
    const hosts = {
      a: { gpus: [80_000], loaded: { [moe]: OLD }, seats: { tok_s_decode: 100 } },
      b: { card: RTX_3090, gpus: [80_000] },
    };
    const models = [
      { id: moe, vramMb: 20_000 },
      { id: 'm', vramMb: 4000 },
    ];
    // 100 tokens/s × 20,000 MiB × 0.1, not × 1: the node is not taken for the fastest.
    const learned = fleetOf({ a: hosts.a }, models);
    expect(tokS(learned, 'm')).toBeCloseTo(50);
    expect(tokS(fleetOf({ b: hosts.b }, models), moe)).toBeCloseTo((PUBLISHED_MIB_S * 0.6) / 2000);
  });

  test('learns nothing from a model with layers in RAM', () => {
    const loaded = { other: { ...OLD, gpu_layers: '10/40' } };
    const hosts = { a: { gpus: [80_000], loaded, seats: { tok_s_decode: 2 } } };
    const fleet = fleetOf(hosts, [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ]);
    expect(planned(fleet, 'm')).toBeUndefined();
  });

  test('of layers in RAM is bound by the RAM', () => {
    const hosts = { a: { card: RTX_3090, gpus: [10_000], ramMib: 64_000 } };
    const fleet = fleetOf(hosts, [{ id: 'm', vramMb: 20_000 }]);
    const seconds = 10_000 / (PUBLISHED_MIB_S * 0.6) + 10_000 / ((51e9 / (1 << 20)) * 0.6);
    expect(tokS(fleet, 'm')).toBeCloseTo(1 / seconds);
  });

  test('of a CPU is learned from the CPU only', () => {
    const loaded = { other: { ...OLD, devices: [-1], vram_used_mb: 0, ram_used_mb: 8000 } };
    const hosts = { a: { gpus: [], ramMib: 64_000, loaded, seats: { tok_s_decode: 10 } } };
    const models = [
      { id: 'm', vramMb: 4000, allowCpu: true },
      { id: 'other', vramMb: 8000 },
    ];
    expect(tokS(fleetOf(hosts, models), 'm')).toBeCloseTo(20);
    const both = { a: { ...hosts.a, gpus: [24_000] } };
    expect(planned(fleetOf(both, models), 'm')).toBeUndefined();
  });

  test('is forgotten with a node that is replaced', () => {
    const hosts = { a: { gpus: [80_000], loaded: { other: OLD }, seats: { tok_s_decode: 40 } } };
    const models = [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ];
    const fleet = fleetOf(hosts, models);
    expect(fleet.state.bandwidths.size).toBe(1);
    fleet.tell({
      kind: 'config_changed',
      config: {
        nodes: [{ name: 'a', endpoint: 'http://elsewhere' }],
        catalogue: models,
        aliases: [],
        failuresBeforeDown: 3,
      },
      settings: fleet.state.settings,
    });
    expect(fleet.state.bandwidths.size).toBe(0);
  });
});

describe('activeRatio', () => {
  test.each([
    ['Qwen/Qwen3-Coder-30B-A3B-Instruct', 0.1],
    ['zai-org/GLM-4.5-Air-106B-A12B', 12 / 106],
    ['qwen3-30b-a3b:latest', 0.1],
    ['Llama-3.1-8B', 1],
    ['vicuna-7B-A100B', 1],
    ['LFM2-8B-A1Bx', 1],
  ])('of %s', (name, ratio) => {
    expect(activeRatio(name)).toBeCloseTo(ratio);
  });

  test('is taken from the source if the name of the model says nothing', () => {
    expect(activeRatio('coder', 'hf:unsloth/Qwen3-30B-A3B-GGUF')).toBeCloseTo(0.1);
  });
});

describe('speedOfUnit', () => {
  test('is the mean of the known speeds by weight, and 1 if none is known', () => {
    const measured = { speedWeight: 2, speed: { tokS: 40, isMeasured: true } };
    const unknown = { speedWeight: 1, speed: undefined };
    expect(speedOfUnit([measured, unknown])).toBe(20);
    expect(speedOfUnit([unknown])).toBe(1);
  });
});
