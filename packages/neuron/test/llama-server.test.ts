/**
 * The machine's llama-server, taken for what our own engine cannot do (behaviour 26b). The program is a fake with the
 * options and the API of llama-server.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FAKE_LLAMA_SERVER, sha256 } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { readEngineRecords, readUntil, TestNeuron, until } from './test-neuron.ts';

/** A folder of the PATH with a llama-server. */
function folderWithServer(mode = 0o755): string {
  const folder = temporaryFolder('path');
  const program = join(folder, 'llama-server');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${FAKE_LLAMA_SERVER}" "$@"\n`);
  Bun.spawnSync(['chmod', mode.toString(8), program]);
  return folder;
}

/** `seeing/tiny` has a projector beside it, `tiny` has none. */
function withProjector(modelsDir: string): void {
  const folder = join(modelsDir, 'seeing');
  mkdirSync(folder);
  cpSync(join(modelsDir, 'tiny.gguf'), join(folder, 'tiny.gguf'));
  writeFileSync(join(folder, 'mmproj-F16.gguf'), 'GGUF');
}

const start = (searchPath: string, flags: Readonly<Record<string, unknown>> = {}) =>
  TestNeuron.start({
    flags,
    parts: { searchPath, respawnPauseMs: () => 0 },
    prepare: withProjector,
  });

const SEEING = { model_id: 'seeing/tiny', context_length: 512, slots: 2 };

const serverPid = ({ root }: TestNeuron): number =>
  readEngineRecords(join(root, 'state')).find(({ model_id: id }) => id === 'seeing/tiny')?.pid ?? 0;

describe('a model with a projector beside it', () => {
  test('runs on the llama-server of the PATH, and /models says so and why', async () => {
    await using neuron = await start(folderWithServer());

    await neuron.load(SEEING);

    const model = await neuron.model('seeing/tiny');
    expect(model).toMatchObject({
      harness: 'llama-server',
      harness_reason: 'it reads images with a projector (mmproj)',
      status: 'loaded',
      limit: { context: 512 },
    });
    expect(model.capabilities).toContain('vision');
  });

  test('gets the image of a request unchanged, streamed', async () => {
    await using neuron = await start(folderWithServer());
    await neuron.load(SEEING);
    const url = `data:image/png;base64,${Buffer.from('picture').toString('base64')}`;
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];

    const answer = await neuron.chat({ model: 'seeing/tiny', messages, stream: true });

    expect(await answer.text()).toContain(`image:${sha256(url)}`);
  });

  test('is unloaded when its TTL has passed', async () => {
    await using neuron = await start(folderWithServer());

    await neuron.load({ ...SEEING, ttl_s: 0.2 });

    await until(async () => (await neuron.model('seeing/tiny')).status === 'unloaded');
  });

  test('recovers when its server crashes, like a model of our own engine', async () => {
    await using neuron = await start(folderWithServer());
    await neuron.load(SEEING);
    const { generation } = await neuron.model('seeing/tiny');
    const answer = await neuron.chat({ model: 'seeing/tiny', stream: true, max_tokens: 100_000 });
    const { reader } = await readUntil(answer, 'w2 ');

    process.kill(serverPid(neuron), 'SIGKILL');

    const { seen } = await readUntil(reader, '[DONE]');
    expect(seen).toContain('"code":"node_recovering"');
    await until(async () => (await neuron.model('seeing/tiny')).generation === generation + 1);
    expect((await neuron.chat({ model: 'seeing/tiny' })).status).toBe(200);
  });

  test('runs on our own engine with mmproj = "off", and where the call names it', async () => {
    await using neuron = await start(folderWithServer());

    await neuron.load({ ...SEEING, mmproj: 'off' });
    expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
    await neuron.post('/models/unload', { model_id: 'seeing/tiny' });
    await neuron.load({ ...SEEING, harness: 'llama' });
    expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
  });

  test('runs on our own engine where there is no llama-server, with a warning that says what is missing', async () => {
    await using neuron = await start('/nowhere');

    await neuron.load(SEEING);

    const model = await neuron.model('seeing/tiny');
    expect(model.harness).toBe('llama');
    expect(model['warnings']).toEqual([expect.stringContaining('neuron build llama-server')]);
  });
});

test('a model without a projector stays on our own engine although there is a llama-server', async () => {
  await using neuron = await start(folderWithServer());

  await neuron.load({ context_length: 512 });

  const model = await neuron.model();
  expect(model.harness).toBe('llama');
  expect(model.harness_reason).toBeUndefined();
});

test('experts are kept in RAM by the llama-server, and the setting is refused where there is none', async () => {
  await using without = await start('/nowhere');
  const refused = await without.post('/models/load?wait=true', { model_id: 'tiny', n_cpu_moe: 2 });
  expect((await refused.json()).error).toMatchObject({
    code: 'unsupported_parameter',
    param: 'n_cpu_moe',
    message: expect.stringContaining('neuron build llama-server'),
  });

  await using neuron = await start(folderWithServer());
  await neuron.load({ n_cpu_moe: 2, context_length: 512 });
  expect(await neuron.model()).toMatchObject({ harness: 'llama-server', status: 'loaded' });
});

test('a llama-server to which everybody may write is not used', async () => {
  await using neuron = await start(folderWithServer(0o777));

  await neuron.load(SEEING);

  expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
});

test('a llama-server that appears while the daemon runs is used by the next load', async () => {
  const folder = folderWithServer();
  const program = join(folder, 'llama-server');
  const bytes = await Bun.file(program).bytes();
  rmSync(program);
  await using neuron = await start(folder);
  await neuron.load(SEEING);
  expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
  await neuron.post('/models/unload', { model_id: 'seeing/tiny' });

  writeFileSync(program, bytes, { mode: 0o755 });

  await neuron.load(SEEING);
  expect((await neuron.model('seeing/tiny')).harness).toBe('llama-server');
});
