import { expect, test } from 'bun:test';

import { EnergyMeter } from './energy-meter.ts';

test('energy is the integral of the power between samples', () => {
  const meter = new EnergyMeter();

  meter.add('a', 100, 0);
  meter.add('a', 200, 10_000);

  // 150 W for 10 s, then 200 W for 5 s.
  expect(meter.add('a', 200, 15_000)).toBe(2500);
});

test('energy ignores a repeated sample and a gap without readings', () => {
  const meter = new EnergyMeter();

  meter.add('a', 100, 0);
  meter.add('a', 100, 0);
  meter.add('a', 100, 3_600_000);

  expect(meter.add('a', 100, 3_601_000)).toBe(100);
});

test('energy is unknown for a device that reports no power', () => {
  expect(new EnergyMeter().add('a', undefined, 0)).toBeUndefined();
});
