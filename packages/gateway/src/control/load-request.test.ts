import { expect, test } from 'bun:test';

import { type CatalogueModel, FleetState } from '@cortex/fleet';

import { toLoadRequest } from './load-request.ts';

function request(entry: Partial<CatalogueModel>) {
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
  return toLoadRequest(fleet.snapshot, { model: 'm', node: 'a' });
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
