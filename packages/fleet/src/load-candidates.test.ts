import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { entry, fleet, health, load, quiet, report, withLeases } from '../test/build-fleet.ts';
import { lackFor, loadCandidates } from './index.ts';

const memory = (freeMb: number) => health([], { devices: [{ index: 0, vram_free_mb: freeMb }] });
const question = { model: 'm', tried: [] };
const onDisk = entry('m', { status: 'unloaded' });

describe('loadCandidates', () => {
  test('prefers pinned_on, then a file on disk, then an idle node, then the name', () => {
    const { snapshot } = fleet(
      { nodes: ['a', 'b', 'c', 'd', 'e'], catalogue: [{ id: 'm', pinnedOn: ['e'] }] },
      [
        report('a', [entry('other')]),
        report('b', []),
        report('c', []),
        report('d', [onDisk]),
        report('e', []),
      ],
    );
    const busy = withLeases({ other: { a: 1 } });
    expect(loadCandidates(snapshot, question, busy)).toEqual(['e', 'd', 'b', 'c', 'a']);
  });

  test('omits a node whose GPUs have all been given to other programs', () => {
    const gpus = (...yielding: boolean[]) =>
      health([], {
        devices: [
          ...yielding.map((isSo, index) => ({ index, kind: 'cuda', yielding: isSo })),
          { index: -1, kind: 'cpu', vram_free_mb: 64_000 },
        ],
      });
    const { snapshot } = fleet({ nodes: ['all', 'one', 'none', 'cpu'], catalogue: [{ id: 'm' }] }, [
      report('all', [], { health: gpus(true, true) }),
      report('one', [], { health: gpus(true, false) }),
      report('none', [], { health: gpus(false) }),
      report('cpu', [], { health: gpus() }),
    ]);

    expect(loadCandidates(snapshot, question, quiet)).toEqual(['cpu', 'none', 'one']);
  });

  test('does not count the free memory of a GPU that belongs to other programs', () => {
    const twoGpus = (yielding: boolean) =>
      health([], {
        devices: [
          { index: 0, kind: 'cuda', vram_free_mb: 20_000, yielding },
          { index: 1, kind: 'cuda', vram_free_mb: 1000 },
        ],
      });
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue: [{ id: 'm', vramMb: 8000 }] }, [
      report('a', [], { health: twoGpus(true) }),
      report('b', [], { health: twoGpus(false) }),
    ]);

    expect(loadCandidates(snapshot, question, quiet)).toEqual(['b', 'a']);
  });

  test('omits nodes that are down, draining, in back-off, or lack something', () => {
    const { snapshot } = fleet(
      {
        nodes: ['down', 'draining', 'failing', 'lacking', 'fine'],
        catalogue: [{ id: 'm', harness: 'llama' }],
      },
      [
        report('draining', [], { health: health([], { draining: true }) }),
        report('failing', []),
        report('lacking', [], {
          discovery: { ...fleetDiscovery, harnesses: [] },
        }),
        report('fine', []),
      ],
    );
    const context = {
      ...quiet,
      failures: {
        failure: (node: string) =>
          node === 'failing' ? { reason: 'x', retryAtMs: 99, isTransient: true } : undefined,
      },
    };
    expect(loadCandidates(snapshot, question, context)).toEqual(['fine']);
  });

  test('puts a node that failed this request or this model last', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b', 'c'], catalogue: [{ id: 'm' }] }, [
      report('a', []),
      report('b', [entry('m', { status: 'failed' })]),
      report('c', []),
    ]);
    const nodes = loadCandidates(snapshot, { model: 'm', tried: ['a'] }, quiet);
    expect(nodes).toEqual(['c', 'b', 'a']);
  });

  test('prefers a node with enough free memory to one that would have to evict', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue: [{ id: 'm', vramMb: 8_000 }] }, [
      report('a', [], { health: memory(2_000) }),
      report('b', [], { health: memory(9_000) }),
    ]);
    expect(loadCandidates(snapshot, question, quiet)).toEqual(['b', 'a']);
  });

  test('lists for any fleet only nodes that lack nothing, each once, in any order of the configuration', () => {
    const node = fc.record({
      onDisk: fc.boolean(),
      harness: fc.constantFrom('llama', 'vllm'),
      inFlight: fc.nat(2),
    });
    const nodes = fc.dictionary(fc.stringMatching(/^[a-f]$/), node, { minKeys: 1 });
    fc.assert(
      fc.property(nodes, (some) => {
        const build = (names: readonly string[]) =>
          fleet(
            { nodes: names, catalogue: [{ id: 'm', harness: 'llama' }] },
            names.flatMap((name) => {
              const it = some[name];
              if (!it) return [];
              const models = [entry('o'), ...(it.onDisk ? [onDisk] : [])];
              return report(name, models, {
                health: health([load('o', { in_flight: it.inFlight })]),
                discovery: { ...fleetDiscovery, harnesses: [it.harness] },
              });
            }),
          ).snapshot;
        const names = Object.keys(some);
        const snapshot = build(names);
        const candidates = loadCandidates(snapshot, question, quiet);
        const able = [...snapshot.nodes.values()].filter((one) => !lackFor(snapshot, one, 'm'));
        expect([...candidates].toSorted()).toEqual(able.map(({ name }) => name).toSorted());
        expect(loadCandidates(build(names.toReversed()), question, quiet)).toEqual(candidates);
      }),
    );
  });
});

const fleetDiscovery = {
  hostname: 'h',
  os: 'Linux',
  kernel: '6',
  arch: 'x64',
  cpu: { model: 'c', cores: 1 },
  ram_total_mb: 1,
  storage: [],
  devices: [],
};
