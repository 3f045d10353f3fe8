import { describe, expect, test } from 'bun:test';

import type { ModelEntry } from '@cortex/protocol';

import type { CatalogueModel } from '../catalogue.ts';
import { DecidedFleet, told } from '../../test/decided-fleet.ts';
import { health } from '../../test/build-fleet.ts';

const SETTINGS = { harness: 'llama', context_length: 8192, slots: 'auto', kv_type: 'f16' };
const LOADED: Partial<ModelEntry> = {
  settings: SETTINGS,
  age_ms: 3_600_000,
  idle_ms: 60_000,
  residency: { ttl_s: 0, pinned: false },
};
const OLD: CatalogueModel = { id: 'm', vramMb: 8000, contextLength: 8192 };
const NEW: CatalogueModel = { ...OLD, contextLength: 32_768, slots: 2 };

/** One host with the model loaded as `OLD` says, an hour ago. */
const loaded = (
  entry: Partial<ModelEntry> = {},
  model: CatalogueModel = OLD,
): { fleet: DecidedFleet; report: (changes?: Partial<ModelEntry>) => readonly string[] } => {
  const m = { ...LOADED, ...entry };
  const fleet = new DecidedFleet({ hosts: { a: { loaded: { m } } }, models: [model] });
  const report = (changes: Partial<ModelEntry> = {}) =>
    told(fleet.report('a', { loaded: { m: { ...m, ...changes } } }));
  return { fleet, report };
};

describe('A loaded model whose settings change in models.toml', () => {
  test('is unloaded when it is idle, and the next request loads it with the new ones', () => {
    const { fleet } = loaded();
    expect(told(fleet.configure({}, [NEW]))).toEqual(['replace m on a']);
    fleet.unload('a', 'm');
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
  });

  test('is unloaded although it sleeps or failed on another host', () => {
    const hosts = (status: string) => ({
      a: { loaded: { m: LOADED } },
      b: { loaded: { m: { ...LOADED, status } } },
    });
    for (const status of ['sleeping', 'failed']) {
      const fleet = new DecidedFleet({ hosts: hosts(status), models: [OLD] });
      expect(told(fleet.configure({}, [NEW]))).toEqual(['replace m on a']);
    }
  });

  test('makes a request that comes meanwhile wait for its unload', () => {
    const { fleet } = loaded();
    fleet.configure({}, [NEW]);
    expect(told(fleet.ask('m'))).toEqual([]);
    expect(told(fleet.unload('a', 'm'))).toEqual(['load m on a']);
  });

  test('serves while it is in use, and is replaced after its last request', () => {
    const { fleet, report } = loaded();
    fleet.ask('m');
    expect(told(fleet.configure({}, [NEW]))).toEqual([]);
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
    fleet.answer('m');
    fleet.answer('m');
    expect(report({ idle_ms: 10 })).toEqual(['replace m on a']);
  });

  test('is left alone for 10 s if its node refuses to unload it', () => {
    const { fleet, report } = loaded();
    fleet.configure({}, [NEW]);
    fleet.unload('a', 'm', 'kept');
    expect(report()).toEqual([]);
    expect(told(fleet.after(9999))).toEqual([]);
    expect(told(fleet.after(1))).toEqual(['replace m on a']);
  });

  test('is loaded again at once if it is preloaded', () => {
    const { fleet } = loaded({}, { ...OLD, preload: true });
    expect(told(fleet.configure({}, [{ ...NEW, preload: true }]))).toEqual(['replace m on a']);
    expect(told(fleet.unload('a', 'm'))).toEqual(['load m on a']);
  });

  test('is loaded again at once if requests do not load it', () => {
    const { fleet } = loaded({}, { ...OLD, load: 'manual' });
    fleet.configure({}, [{ ...NEW, load: 'manual' }]);
    expect(told(fleet.unload('a', 'm'))).toEqual(['load m on a']);
    fleet.endLoad('a', 'm');
    expect(told(fleet.report('a', { loaded: {} }))).toEqual([]);
  });

  test('stays if default_models of its node loads it', () => {
    const { fleet } = loaded();
    const { activation, ...rest } = health([]);
    fleet.tell({
      kind: 'node_reported',
      node: 'a',
      sentMs: fleet.nowMs,
      atMs: fleet.nowMs,
      health: { ...rest, activation: { ...activation, completed: ['m'] } },
      models: [...(fleet.state.snapshot.nodes.get('a')?.reported.values() ?? [])],
    });
    expect(told(fleet.configure({}, [NEW]))).toEqual([]);
    const changed = { ...OLD, ttlS: 60 };
    expect(told(fleet.configure({}, [changed]))).toEqual(['tell a {"ttlS":60}']);
  });

  test.each([
    [
      'a setting that the file does not have any more',
      { ...SETTINGS, kv_type: 'q8_0' },
      ['kv_type'],
    ],
    ['a default that is written down', { ...SETTINGS, mmproj: 'auto', params: {} }, []],
    ['the engine that the node chose', { ...SETTINGS, harness: 'llama-server' }, []],
    ['an older node that tells no settings', {}, []],
  ])('is compared with what a load would ask for: %s', (_what, settings, keys) => {
    const { snapshot } = loaded({ settings }).fleet.state;
    const status = snapshot.nodes.get('a')?.replicas.get('m')?.status;
    expect(status).toBe(keys.length > 0 ? 'unloading' : 'loaded');
  });
});

describe('A loaded model whose TTL or pin changes in models.toml', () => {
  test('keeps running, and its node is told', () => {
    const { fleet } = loaded();
    const changed = { ...OLD, ttlS: 60, pinnedOn: ['a'] };
    expect(told(fleet.configure({}, [changed]))).toEqual(['tell a {"ttlS":60,"pinned":true}']);
  });

  test('loses a pin that models.toml does not have any more', () => {
    const pinned = { ...OLD, pinnedOn: ['a'] };
    const { fleet } = loaded({ pinned: true, residency: { ttl_s: 0, pinned: true } }, pinned);
    expect(told(fleet.configure({}, [OLD]))).toEqual(['tell a {"pinned":false}']);
  });

  test('keeps the pin of an operator', () => {
    const { fleet } = loaded({ pinned: true });
    expect(told(fleet.configure({}, [{ ...OLD }]))).toEqual([]);
  });

  test('is told once, and again after a minute if that changed nothing', () => {
    const { fleet, report } = loaded();
    fleet.configure({}, [{ ...OLD, ttlS: 60 }]);
    expect(report({ idle_ms: 70_000 })).toEqual([]);
    expect(told(fleet.after(60_000))).toEqual(['tell a {"ttlS":60}']);
    expect(report({ idle_ms: 130_000 })).toEqual([]);
  });

  test('has no TTL while it is preloaded', () => {
    const { fleet } = loaded({ residency: { ttl_s: 5, pinned: false } }, { ...OLD, ttlS: 5 });
    const preloaded = { ...OLD, ttlS: 5, preload: true };
    expect(told(fleet.configure({}, [preloaded]))).toEqual(['tell a {"ttlS":0}']);
  });
});
