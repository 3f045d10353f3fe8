import { describe, expect, test } from 'bun:test';

import { publishedBandwidth } from './published-bandwidth.ts';

describe('publishedBandwidth', () => {
  test.each([
    ['NVIDIA GeForce RTX 3090', 936],
    ['NVIDIA GeForce RTX 4070 Ti SUPER', 672],
    ['NVIDIA GeForce RTX 4090 Laptop GPU', 576],
    ['NVIDIA A100-SXM4-80GB', 2039],
    ['NVIDIA A100-SXM4-40GB', 1555],
    ['NVIDIA H100 80GB HBM3', 3350],
    ['NVIDIA H100 PCIe', 2039],
    ['NVIDIA RTX 6000 Ada Generation', 960],
    ['AMD Radeon RX 7900 XTX (RADV NAVI31)', 960],
    ['AMD Instinct MI300X', 5300],
    ['Apple M2 Max', 400],
    ['AMD EPYC 9354 32-Core Processor', 461],
    ['Intel(R) Core(TM) Ultra 7 265K', 90],
  ])('knows %s', (name, gbS) => {
    expect(publishedBandwidth(name)).toBe(gbS);
  });

  test.each([
    'gpu',
    '',
    'NVIDIA GeForce RTX 4050 Laptop GPU',
    'NVIDIA A100-SXM4-80GB MIG 1g.10gb',
    'AMD Ryzen 7 5800X 8-Core Processor',
  ])('does not guess for %p', (name) => {
    expect(publishedBandwidth(name)).toBeUndefined();
  });

  test('does not take the figure of the desktop card for the mobile one', () => {
    expect(publishedBandwidth('NVIDIA GeForce RTX 5070 Ti Laptop GPU')).toBeUndefined();
  });
});
