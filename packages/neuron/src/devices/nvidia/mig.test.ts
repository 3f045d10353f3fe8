/** The text follows the MIG user guide of NVIDIA and `nvidia-smi -q -x`; no GPU with MIG was at hand. */
import { expect, test } from 'bun:test';

import type { CommandResult } from '../run-command.ts';
import { createNvidiaSource } from './nvidia-source.ts';

const answer = (stdout: string): CommandResult => ({ code: 0, stdout, stderr: '' });

const LISTING = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736-a75d-5afc-978f-d2f1294409fd)
  MIG 1g.5gb      Device  1: (UUID: MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c)
`;

const device = (index: number, totalMib: number, usedMib: number): string => `
      <mig_device>
        <index>${index}</index>
        <gpu_instance_id>${index + 2}</gpu_instance_id>
        <compute_instance_id>0</compute_instance_id>
        <fb_memory_usage>
          <total>${totalMib} MiB</total>
          <reserved>0 MiB</reserved>
          <used>${usedMib} MiB</used>
          <free>${totalMib - usedMib} MiB</free>
        </fb_memory_usage>
        <bar1_memory_usage>
          <total>32767 MiB</total>
          <used>0 MiB</used>
          <free>32767 MiB</free>
        </bar1_memory_usage>
      </mig_device>`;

const gpu = (uuid: string, mode: string, instances: string): string => `
  <gpu id="00000000:07:00.0">
    <product_name>NVIDIA A100-SXM4-40GB</product_name>
    <mig_mode>
      <current_mig>${mode}</current_mig>
      <pending_mig>${mode}</pending_mig>
    </mig_mode>
    <mig_devices>${instances}
    </mig_devices>
    <uuid>${uuid}</uuid>
    <fb_memory_usage>
      <total>40960 MiB</total>
      <used>40 MiB</used>
      <free>40920 MiB</free>
    </fb_memory_usage>
  </gpu>`;

const FIRST = 'GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f';
const SECOND = 'GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c';

const row = (index: number, uuid: string, utilization: string): string =>
  `${index}, ${uuid}, 40960, 40, 40920, ${utilization}, 33, 51.2, 535.129.03, 8.0, NVIDIA A100-SXM4-40GB`;

const read = (xml: string, rows: readonly string[], listing = LISTING) =>
  createNvidiaSource({
    tools: {
      runNvidiaSmi: async ([first]) => {
        if (first === '-q')
          return answer(`<?xml version="1.0" ?>\n<nvidia_smi_log>${xml}\n</nvidia_smi_log>`);
        if (first === '-L') return answer(listing);
        return answer(rows.join('\n'));
      },
      readKernelModule: async () => '',
      listPciVendors: async () => ['nvidia'],
    },
    exclude: [],
    ramTotalMib: 64_000,
    check: {
      isUsable: true,
      reason: undefined,
      askIfDue: () => undefined,
      ask: async () => undefined,
    },
  }).read();

test('each MIG instance is a device with its own memory, beside a GPU without MIG', async () => {
  const { devices } = await read(
    gpu(FIRST, 'Enabled', device(0, 20_096, 5) + device(1, 4864, 3)) +
      gpu(SECOND, 'Disabled', 'None'),
    [row(0, FIRST, '[N/A]'), row(1, SECOND, '7')],
  );

  expect(devices).toMatchObject([
    {
      index: 100,
      uuid: 'MIG-c7384736-a75d-5afc-978f-d2f1294409fd',
      name: 'NVIDIA A100-SXM4-40GB MIG 3g.20gb',
      totalMib: 20_096,
      freeMib: 20_091,
      isPartition: true,
      env: { CUDA_VISIBLE_DEVICES: 'MIG-c7384736-a75d-5afc-978f-d2f1294409fd' },
    },
    { index: 101, totalMib: 4864, freeMib: 4861 },
    { index: 1, uuid: SECOND, totalMib: 40_960, freeMib: 40_920 },
  ]);
});

test('a GPU in MIG mode without instances is reported with the commands that mend it', async () => {
  const { devices, unavailableReason } = await read(
    gpu(FIRST, 'Enabled', 'None'),
    [row(0, FIRST, '[N/A]')],
    `GPU 0: NVIDIA A100-SXM4-40GB (UUID: ${FIRST})\n`,
  );

  expect(devices).toEqual([]);
  expect(unavailableReason).toContain('nvidia-smi mig -cgi');
  expect(unavailableReason).toContain('nvidia-smi -i 0 -mig 0');
});

test('a GPU that reports no utilization for another reason stays a device', async () => {
  const { devices } = await read(gpu(FIRST, 'N/A', 'None'), [row(0, FIRST, '[N/A]')]);

  expect(devices).toMatchObject([{ index: 0, uuid: FIRST }]);
});
