import { describe, expect, test } from 'bun:test';

import { mostDevices, roomiest } from './choose-devices.ts';
import type { Device } from './device.ts';

const card = (index: number, freeMib: number, rest: Partial<Device> = {}): Device => ({
  index,
  name: 'Card',
  kind: 'cuda',
  totalMib: 24_000,
  freeMib,
  env: {},
  readAtMs: 0,
  ...rest,
});

const roomOf = ({ freeMib = 0 }: Device): number => freeMib;
const chosen = (devices: readonly Device[], count: number): number[] =>
  roomiest(devices, { count, roomOf }).map(({ index }) => index);

describe('choosing devices', () => {
  test('takes the device with the most room', () => {
    expect(chosen([card(0, 4000), card(1, 12_000), card(2, 8000)], 1)).toEqual([1]);
  });

  test('takes the roomiest devices of one kind for a model that is split', () => {
    const devices = [card(0, 4000), card(1, 12_000), card(2, 8000)];

    expect(chosen(devices, 2)).toEqual([1, 2]);
  });

  test('never splits a model over devices of different kinds', () => {
    const devices = [
      card(0, 20_000),
      card(1, 8000, { kind: 'vulkan' }),
      card(2, 8000, { kind: 'vulkan' }),
    ];

    expect(chosen(devices, 2)).toEqual([1, 2]);
    expect([mostDevices(devices), chosen(devices, 3)]).toEqual([2, []]);
  });

  test('never splits a model over MIG instances or over a device that shares the memory of the host', () => {
    const instances = [
      card(100, 9000, { isPartition: true }),
      card(101, 9000, { isPartition: true }),
    ];
    const unified = [card(0, 0, { freeMib: undefined }), card(1, 9000)];

    expect([mostDevices(instances), chosen(instances, 2)]).toEqual([1, []]);
    expect([mostDevices(unified), chosen(unified, 2)]).toEqual([1, []]);
  });
});
