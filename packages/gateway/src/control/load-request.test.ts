import { expect, test } from 'bun:test';

import { type CatalogueModel, FleetState } from '@cortex/fleet';
import type { ModelEntry } from '@cortex/protocol';

import { toLoadRequest } from './load-request.ts';

const knownEntry = (reported: Partial<ModelEntry>): ModelEntry => ({
  id: 'm',
  harness: 'llama',
  status: 'unloaded',
  devices: [],
  capabilities: [],
  settings: {},
  generation: 0,
  pinned: false,
  on_disk: true,
  ...reported,
});

function request(entry: Partial<CatalogueModel>, reported: Partial<ModelEntry> = {}) {
  const fleet = new FleetState();
  fleet.apply({
    kind: 'config_changed',
    config: {
      nodes: [{ name: 'a', endpoint: 'http://a' }],
      catalogue: [{ id: 'm', ...entry }],
      aliases: [],
      failuresBeforeDown: 3,
    },
    atMs: 0,
  });
  const known = knownEntry(reported);
  fleet.apply({ kind: 'model_changed', node: 'a', entry: known, atMs: 1 });
  return toLoadRequest(fleet.snapshot, { model: 'm', node: 'a', limitMib: 9000 });
}

test('a load call asks for a split over several GPUs only if models.toml does', () => {
  expect(request({ minDevices: 2 })).toMatchObject({ min_devices: 2 });
  expect(request({ minDevices: 1 })).not.toHaveProperty('min_devices');
  expect(request({})).not.toHaveProperty('min_devices');
});

test('a load call for a preloaded model has no TTL, whatever models.toml says', () => {
  expect(request({ ttlS: 5 })).toMatchObject({ ttl_s: 5 });
  expect(request({ ttlS: 5, preload: true })).toMatchObject({ ttl_s: 0 });
});

test('a load call takes back a pin that models.toml does not have any more', () => {
  const residency = { ttl_s: 0, pinned: true };
  expect(request({}, { residency })).toMatchObject({ pinned: false });
  expect(request({ pinnedOn: ['a'] }, { residency })).toMatchObject({ pinned: true });
});

test('a load call does not tell an older node what it does not know', () => {
  expect(request({}, { pinned: true })).toEqual({ model_id: 'm', ttl_s: 0 });
  const residency = { ttl_s: 0, pinned: false };
  expect(request({}, { residency })).toMatchObject({ vram_limit_mb: 9000 });
});
