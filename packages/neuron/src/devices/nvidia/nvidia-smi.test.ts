import { describe, expect, test } from 'bun:test';

import {
  explainFailure,
  parseCudaVersion,
  parseGpus,
  parseKernelModule,
  queryArguments,
} from './nvidia-smi.ts';

const withComputeCapability = true;

describe('parseGpus', () => {
  test('reads a pair of consumer cards', () => {
    const stdout = [
      '0, GPU-5f2bd5e3-6bd3-7c3b-8a9f-6f1f2f0f0a01, 24564, 1320, 22838, 7, 41, 28.53, 550.90.07, 8.9, NVIDIA GeForce RTX 4090',
      '1, GPU-5f2bd5e3-6bd3-7c3b-8a9f-6f1f2f0f0a02, 12288, 3, 12044, 0, 35, 14.10, 550.90.07, 8.6, NVIDIA GeForce RTX 3060',
      '',
    ].join('\n');

    const gpus = parseGpus(stdout, { withComputeCapability });

    expect(gpus).toEqual([
      {
        index: 0,
        uuid: 'GPU-5f2bd5e3-6bd3-7c3b-8a9f-6f1f2f0f0a01',
        name: 'NVIDIA GeForce RTX 4090',
        totalMib: 24564,
        usedMib: 1320,
        freeMib: 22838,
        utilizationPct: 7,
        tempC: 41,
        powerW: 28.53,
        driverVersion: '550.90.07',
        computeCapability: '8.9',
      },
      expect.objectContaining({ index: 1, name: 'NVIDIA GeForce RTX 3060', totalMib: 12288 }),
    ]);
  });

  test('keeps a device whose fields are mostly [N/A], as with unified memory', () => {
    const stdout = '0, GPU-1, [N/A], [N/A], [N/A], 3, 44, 12.01, 580.95.05, 12.1, NVIDIA GB10\n';

    const [gpu] = parseGpus(stdout, { withComputeCapability });

    expect(gpu).toEqual({
      index: 0,
      uuid: 'GPU-1',
      name: 'NVIDIA GB10',
      utilizationPct: 3,
      tempC: 44,
      powerW: 12.01,
      driverVersion: '580.95.05',
      computeCapability: '12.1',
    });
  });

  test.each(['[Not Supported]', '[Unknown Error]', 'N/A', '[Insufficient Permissions]', ''])(
    'leaves out power reported as %p and keeps the rest',
    (power) => {
      const stdout = `0, GPU-1, 8192, 1, 8191, 0, 40, ${power}, 470.57.02, Quadro P4000\n`;

      const [gpu] = parseGpus(stdout, { withComputeCapability: false });

      expect(gpu).not.toHaveProperty('powerW');
      expect(gpu).toMatchObject({ name: 'Quadro P4000', totalMib: 8192, tempC: 40 });
    },
  );

  test('reads no GPU from an error message', () => {
    expect(parseGpus('NVIDIA-SMI has failed.\n', { withComputeCapability })).toEqual([]);
  });
});

test('queryArguments has the name last, because it may contain a comma', () => {
  expect(queryArguments({ withComputeCapability })[0]).toEndWith(',compute_cap,name');
});

test('parseCudaVersion reads the CUDA version of the table', () => {
  const table =
    '| NVIDIA-SMI 550.90.07              Driver Version: 550.90.07      CUDA Version: 12.4     |';

  expect(parseCudaVersion(table)).toBe('12.4');
});

test('the version of the kernel module is read for the open and the proprietary module', () => {
  const closed =
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023';
  const open = 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build';

  expect([parseKernelModule(closed), parseKernelModule(open)]).toEqual(['535.129.03', '570.86.15']);
});

describe('explainFailure', () => {
  test('recognises a driver that was updated while its kernel module was loaded, and gives both versions', () => {
    const output =
      'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.90\n';

    const reason = explainFailure(output, '535.129.03');

    expect(reason).toContain('kernel module 535.129.03, library 550.90');
    expect(reason).toContain('reboot');
  });

  test('recognises a kernel module that is not loaded', () => {
    const output =
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.";

    expect(explainFailure(output, undefined)).toContain('modprobe nvidia');
  });

  test('passes on an unknown message', () => {
    expect(explainFailure('Segmentation fault\n', undefined)).toBe(
      'nvidia-smi failed: Segmentation fault',
    );
  });
});
