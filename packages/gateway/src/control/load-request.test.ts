import { expect, test } from 'bun:test';

import { toLoadRequest } from './load-request.ts';

test('a load call asks for a split over several GPUs only if models.toml does', () => {
  const request = (minDevices: number | undefined) =>
    toLoadRequest('m', 'a', { id: 'm', minDevices });

  expect(request(2)).toMatchObject({ min_devices: 2 });
  expect(request(1)).not.toHaveProperty('min_devices');
  expect(request(undefined)).not.toHaveProperty('min_devices');
});
