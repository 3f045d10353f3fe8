import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape, only } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';
import type { ExpectedSpeed } from './record.ts';
import { activeRatio, speedRanks } from './expected-speed.ts';

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

  test('falls slowly from the best that was seen', () => {
    const hosts = { a: { gpus: [80_000], loaded: { other: OLD }, seats: { tok_s_decode: 40 } } };
    const fleet = fleetOf(hosts, [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ]);
    fleet.report('a', { seats: { tok_s_decode: 5 } });
    // The same measurement again, in a report of something else.
    fleet.report('a', { seats: { tok_s_decode: 5, in_flight: 1 } });
    expect(tokS(fleet, 'm')).toBeCloseTo(80 - (80 - 10) / 8);
  });

  test('forgets a measurement that was too high', () => {
    const busy = { card: RTX_3090, loaded: { other: OLD }, gpus: [9000] };
    const fleet = fleetOf({ a: busy }, [{ id: 'other', vramMb: 8000 }]);
    const ratioAfter = (tok_s_decode: number): number => {
      fleet.report('a', { seats: { tok_s_decode } });
      return fleet.state.reachedRatio;
    };
    expect(ratioAfter(1000)).toBe(1);
    const reached = (89 * 8000) / PUBLISHED_MIB_S;
    expect(ratioAfter(89)).toBeCloseTo(1 - (1 - reached) / 8);
    for (let count = 1; count < 60; count += 1) ratioAfter(89 + (count % 2) / 1000);
    expect(ratioAfter(89)).toBeCloseTo(reached, 3);
    fleet.configure();
    expect(fleet.state.reachedRatio).toBe(0.6);
  });

  test('rests on the part of the published bandwidth that the fleet has reached, at most all of it', () => {
    const models = [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ];
    const speedAfter = (tok_s_decode: number): number | undefined => {
      const seats = { tok_s_decode };
      const loaded = { other: OLD };
      const busy = { card: RTX_3090, loaded, seats, gpus: [9000] };
      return tokS(fleetOf({ a: { card: 'NVIDIA GeForce RTX 4090' }, b: busy }, models), 'm');
    };
    const published = 1008e9 / (1 << 20) / 4000;
    // 89 tokens/s × 8000 MiB are 0.8 of what an RTX 3090 reads; 10 are those of a model that is bound by other things.
    const reached = (89 * 8000) / PUBLISHED_MIB_S;
    expect(speedAfter(89)).toBeCloseTo(published * reached);
    expect(speedAfter(10)).toBeCloseTo(published * 0.6);
    expect(speedAfter(1000)).toBeCloseTo(published);
  });

  test('is equal on equal cards, whatever has run on one of them', () => {
    const busy = { card: RTX_3090, loaded: { other: OLD }, seats: { tok_s_decode: 90 } };
    const models = [
      { id: 'm', vramMb: 4000 },
      { id: 'other', vramMb: 8000 },
    ];
    const fleet = fleetOf({ a: busy, b: { card: RTX_3090 } }, models);
    expect(only(fleet.ask('m'), 'load')[0]?.node).toBe('b');
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

describe('speedRanks', () => {
  const place = (tokS: number | undefined, speedWeight = 1) => ({
    speedWeight,
    speed: tokS === undefined ? undefined : { tokS, isMeasured: true },
  });
  const order = (...places: readonly ReturnType<typeof place>[]): readonly number[] => {
    const ranks = speedRanks(places);
    return ranks.map((rank) => ranks.filter((other) => other > rank).length);
  };

  test('put the faster first, and take speeds that hardly differ as equal', () => {
    expect(order(place(20), place(40), place(30))).toEqual([2, 0, 1]);
    expect(order(place(40), place(40.5))).toEqual([0, 0]);
  });

  test('take one of unknown speed as the mean of the others × its weight', () => {
    expect(order(place(20), place(undefined), place(40))).toEqual([2, 1, 0]);
    expect(order(place(20), place(undefined, 2), place(40))).toEqual([2, 0, 1]);
  });

  test('are the weights if no speed is known', () => {
    expect(speedRanks([place(undefined, 1), place(undefined, 1.05)])).toEqual([1, 1.05]);
  });
});
