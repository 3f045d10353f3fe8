import { expect, test } from 'bun:test';

import { processVramMib } from './process-vram.ts';

const answering = (stdout: string, code = 0) => ({
  runNvidiaSmi: async () => ({ code, stdout, stderr: '' }),
});

test('the GPU memory of a server is that of all its processes on all cards', async () => {
  const smi = answering('100, 2048\n101, 1024\n100, 512\n999, 4000\n');

  expect(await processVramMib(smi, [100, 101])).toBe(3584);
});

test.each([
  ['does not name the processes', answering('999, 4000\n')],
  ['gives no figures', answering('100, [N/A]\n')],
  ['fails', answering('', 9)],
  ['is not installed', { runNvidiaSmi: async () => undefined }],
])('the GPU memory of a server is unknown if the driver %s', async (_name, smi) => {
  expect(await processVramMib(smi, [100])).toBeUndefined();
});
