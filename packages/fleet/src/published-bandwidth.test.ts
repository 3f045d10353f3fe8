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
    ['NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition', 1792],
    ['NVIDIA RTX PRO 4000 Blackwell SFF Edition', 432],
    ['Tesla P100-PCIE-16GB', 732],
    ['Tesla P100-PCIE-12GB', 549],
    ['NVIDIA GH200 480GB', 4000],
    ['NVIDIA GH200 144G HBM3e', 4900],
    ['AMD Radeon RX 9070 GRE', 432],
    ['AMD Radeon PRO W7800 48GB', 864],
    ['AMD Radeon RX 6800 XT / 6900 XT', 512],
    ['AMD EPYC 7551P 32-Core Processor', 171],
    ['AMD EPYC 7742 64-Core Processor', 205],
    ['AMD EPYC 73F3 16-Core Processor', 205],
    ['AMD EPYC 9354 32-Core Processor', 461],
    ['AMD EPYC 9654P 96-Core Processor', 461],
    ['AMD EPYC 9755 128-Core Processor', 576],
    ['AMD EPYC 9575F 64-Core Processor', 576],
    ['Intel(R) Core(TM) Ultra 7 155H', 90],
    ['Intel(R) Core(TM) Ultra 7 265K', 102],
    ['Intel(R) Core(TM) Ultra 5 225', 102],
  ])('knows %s', (name, gbS) => {
    expect(publishedBandwidth(name)).toBe(gbS);
  });

  test.each([
    'gpu',
    '',
    'NVIDIA GeForce RTX 4050 Laptop GPU',
    'NVIDIA A100-SXM4-80GB MIG 1g.10gb',
    'NVIDIA A40-8Q',
    'GRID T4-16C',
    'AMD Radeon RX 7900 XT/7900 XTX',
    'AMD Ryzen 7 5800X 8-Core Processor',
    'AMD EPYC 8534P 64-Core Processor',
  ])('does not guess for %p', (name) => {
    expect(publishedBandwidth(name)).toBeUndefined();
  });

  test('does not take the figure of the desktop card for the mobile one', () => {
    expect(publishedBandwidth('NVIDIA GeForce RTX 5070 Ti Laptop GPU')).toBeUndefined();
    expect(publishedBandwidth('NVIDIA GeForce RTX 2080 with Max-Q Design')).toBeUndefined();
  });
});
