import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { CloseOptions, EngineLoadSpec } from '@cortex/engine';
import { Discovery } from '@cortex/protocol';
import { listConfigKeys } from '@cortex/service';
import { createGate, createScriptedEngine, createSelfSigned } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { inProcessEngine } from '@cortex/engine';
import { describe, expect, test } from 'bun:test';

import { loadNeuronConfig, NeuronConfig } from '../src/config.ts';
import type { StartEngine } from '../src/engines/start-engine.ts';
import { PullFixture, REPO } from './pull-fixture.ts';
import {
  failureOf,
  ONE_CARD,
  readEngineRecords,
  readUntil,
  scriptedEngine,
  TestNeuron,
  until,
} from './test-neuron.ts';

const folder = (): string => temporaryFolder('neuron-key');

function file(text: string): string {
  const path = join(folder(), 'file');
  writeFileSync(path, text);
  return path;
}

/** The flags of a node with a certificate. */
function tlsFlags(): Record<string, string> {
  const { cert, key } = createSelfSigned('localhost');
  return { 'security.tls_cert': file(cert), 'security.tls_key': file(key) };
}

/** Starts a scripted engine and keeps what it was told to load, and how it was closed. */
function recordingEngine() {
  const specs: EngineLoadSpec[] = [];
  const closes: (CloseOptions | undefined)[] = [];
  const start: StartEngine = async () => {
    const engine = createScriptedEngine({ capabilities: ['chat', 'completions', 'state'] });
    const close = engine.close.bind(engine);
    engine.close = (graceMs, options) => {
      closes.push(options);
      return close(graceMs, options);
    };
    const load = engine.load.bind(engine);
    engine.load = (spec, ...rest) => {
      specs.push(spec);
      return load(spec, ...rest);
    };
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };
  return { specs, closes, start };
}

/** An engine that sees a GPU, on which every model takes 7,000 MiB. */
const engineWithGpu: StartEngine = async () => {
  const engine = createScriptedEngine();
  engine.devices = async () => [{ name: 'Card', backend: 'cuda' }];
  const estimate = engine.estimate.bind(engine);
  engine.estimate = async (spec, budget) => ({
    ...(await estimate(spec, budget)),
    vramMib: 7000,
    fits: 7000 <= (budget.vramMib ?? Infinity),
  });
  const connection = await inProcessEngine(engine);
  return { connection, kill: () => void connection.close(0) };
};

/** A card that another program has filled. */
const CARD_IN_USE = '0, GPU-a, 8192, 7900, 292, 0, 40, 20, 550.90.07, 8.9, Card\n';
const answerOf = (stdout: string) => ({ code: 0, stdout, stderr: '' });

const start = (flags: Readonly<Record<string, unknown>>, startEngine = scriptedEngine()) =>
  TestNeuron.start({ flags, parts: { startEngine } });

async function harnessNames(neuron: TestNeuron): Promise<readonly string[]> {
  return Discovery.parse(await (await neuron.get('/discovery')).json()).harnesses;
}

/** For each key: change it, observe the change. */
const OBSERVATIONS: Readonly<Record<string, () => Promise<void>>> = {
  listen: async () => {
    await using neuron = await start({ listen: '127.0.0.2:0' });
    expect(neuron.url).toStartWith('http://127.0.0.2:');
  },
  models_dir: async () => {
    const models = folder();
    writeFileSync(join(models, 'mine.gguf'), 'GGUF');
    await using neuron = await start({ models_dir: models });
    expect((await neuron.model('mine')).on_disk).toBe(true);
  },
  models_dirs: async () => {
    const models = folder();
    writeFileSync(join(models, 'mine.gguf'), 'GGUF');
    await using neuron = await start({ models_dirs: [models] });
    expect((await neuron.model('mine')).on_disk).toBe(true);
  },
  min_free_disk_mb: async () => {
    await using fixture = await PullFixture.start({
      flags: { min_free_disk_mb: 10_000 },
      pulls: { freeBytes: () => Promise.resolve(9000 * 2 ** 20) },
    });
    const report = await fixture.pulled({ model_id: REPO });
    expect(report.error).toContain('min_free_disk_mb keeps 10.5 GB');
  },
  state_dir: async () => {
    const state = join(folder(), 'deep', 'state');
    await using _neuron = await start({ state_dir: state });
    expect(readdirSync(state)).toContain('neuron.lock');
  },
  shutdown_grace_s: async () => {
    expect(loadNeuronConfig({ file: file('shutdown_grace_s = 7'), env: {} }).value).toMatchObject({
      shutdown_grace_s: 7,
    });
    // What it does is shown with a process, in daemon-process.test.ts.
  },
  default_models: async () => {
    await using neuron = await start({ default_models: [{ model_id: 'tiny', slots: 3 }] });
    await until(async () => (await neuron.model()).status === 'loaded');
    expect((await neuron.model()).settings['slots']).toBe(3);
  },
  'devices.reserve_mb': async () => {
    await using neuron = await TestNeuron.start({
      flags: { 'devices.reserve_mb': 2000 },
      parts: { gpuSources: ONE_CARD, startEngine: engineWithGpu, startProbe: engineWithGpu },
    });
    await until(async () => (await neuron.health()).devices[0]?.kind === 'cuda');
    expect((await neuron.health()).devices[0]?.vram_reserved_mb).toBe(2000);
    const full = await neuron.post('/models/load', { model_id: 'tiny' });
    expect((await full.json()).error).toMatchObject({
      code: 'insufficient_vram',
      device: 0,
      missing_mb: 808,
    });
  },
  'devices.exclude': async () => {
    await using neuron = await TestNeuron.start({
      flags: { 'devices.exclude': [0] },
      parts: { gpuSources: ONE_CARD, startEngine: engineWithGpu, startProbe: engineWithGpu },
    });
    const answer = await neuron.post('/models/load', { model_id: 'tiny', devices: [0] });
    expect((await answer.json()).error.message).toContain('no device 0');
  },
  'devices.cpu_memory_mb': async () => {
    await using roomy = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': 4000 } });
    await roomy.load();
    await using narrow = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': 10 } });
    const refused = await narrow.post('/models/load', { model_id: 'tiny' });
    expect((await refused.json()).error).toMatchObject({
      code: 'insufficient_vram',
      device: 'cpu',
    });
  },
  'devices.yield_at': async () => {
    const full = { ...ONE_CARD, runNvidiaSmi: async () => answerOf(CARD_IN_USE) };
    const parts = { gpuSources: full, startEngine: engineWithGpu, startProbe: engineWithGpu };
    await using neuron = await TestNeuron.start({ flags: { 'devices.yield_at': 0.9 }, parts });
    await until(async () => (await neuron.health()).devices[0]?.yielding === true);
    await using never = await TestNeuron.start({ parts });
    await until(async () => (await never.health()).devices[0]?.kind === 'cuda');
    expect((await never.health()).devices[0]?.yielding).toBeUndefined();
  },
  'admission.max_queue_depth': async () => {
    await using neuron = await start({ 'admission.max_queue_depth': 5 });
    await neuron.load();
    expect((await neuron.health()).models[0]?.max_queue_depth).toBe(5);
  },
  'admission.max_wait_secs': async () => {
    const held = scriptedEngine({
      slots: 1,
      answer: () => ({ items: [{ text: 'a' }, { text: 'b' }], gates: { 1: createGate() } }),
    });
    await using neuron = await start({ 'admission.max_wait_secs': 0.05 }, held);
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), '"content":"a"');
    const late = await neuron.chat();
    expect((await late.json()).error.code).toBe('queue_full');
    await reader.cancel();
  },
  'admission.max_per_principal': async () => {
    const held = scriptedEngine({
      answer: () => ({ items: [{ text: 'a' }, { text: 'b' }], gates: { 1: createGate() } }),
    });
    await using neuron = await start({ 'admission.max_per_principal': 1 }, held);
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), '"content":"a"');
    const second = await neuron.chat({ stream: true });
    expect([second.status, (await second.json()).error.code]).toEqual([429, 'rate_limit_exceeded']);
    await reader.cancel();
  },
  'engine.isolation': async () => {
    await using neuron = await TestNeuron.start({ flags: { 'engine.isolation': 'none' } });
    await neuron.load();
    const records = readEngineRecords(join(neuron.root, 'state'));
    expect(records.filter(({ model_id: id }) => id === 'tiny')).toEqual([]);
    expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
  },
  'engine.runtime': async () => {
    const runtime = join(folder(), 'my-runtime');
    symlinkSync('/bin/false', runtime);
    await using neuron = await TestNeuron.start({ flags: { 'engine.runtime': runtime } });
    const answer = await neuron.post('/models/load?wait=true', { model_id: 'tiny' });
    expect(answer.status).toBe(503);
  },
  'engine.llama_server': async () => {
    await using absent = await start({ 'engine.llama_server': '' });
    expect(await harnessNames(absent)).not.toContain('llama-server');
    const program = join(folder(), 'mine');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    await using neuron = await start({ 'engine.llama_server': program });
    expect(await harnessNames(neuron)).toContain('llama-server');
    // What it is used for is shown in llama-server.test.ts.
  },
  harnesses: async () => {
    const endpoint = 'http://127.0.0.1:1';
    await using neuron = await start({ harnesses: [{ name: 'mine', kind: 'vllm', endpoint }] });
    expect(await harnessNames(neuron)).toEqual(expect.arrayContaining(['mine', 'vllm']));
    // What their members do is shown in external-servers.test.ts and started-servers.test.ts.
  },
  'engine.threads': async () => {
    const { specs, start: startEngine } = recordingEngine();
    await using neuron = await start({ 'engine.threads': 3 }, startEngine);
    await neuron.load();
    expect(specs[0]?.threads).toBe(3);
  },
  'engine.prefill_chunk_tokens': async () => {
    const { specs, start: startEngine } = recordingEngine();
    await using neuron = await start({ 'engine.prefill_chunk_tokens': 64 }, startEngine);
    await neuron.load();
    expect(specs[0]?.prefillChunkTokens).toBe(64);
  },
  'engine.batch_invariant': async () => {
    const { specs, start: startEngine } = recordingEngine();
    await using neuron = await start({ 'engine.batch_invariant': true }, startEngine);
    await neuron.load();
    expect(specs[0]?.isBatchInvariant).toBe(true);
  },
  'engine.load_mode': async () => {
    const { specs, start: startEngine } = recordingEngine();
    await using neuron = await start({ 'engine.load_mode': 'direct' }, startEngine);
    await neuron.load();
    expect(specs[0]?.loadMode).toBe('direct');
  },
  'engine.prompt_cache_mb': async () => {
    const { specs, start: startEngine } = recordingEngine();
    const flags = { 'engine.prompt_cache_mb': 77 };
    const parts = { startEngine, freeRamMib: () => 400 };
    await using neuron = await TestNeuron.start({ flags, parts });
    await neuron.load();
    expect(specs[0]?.promptCacheMib).toBe(77);
  },
  'engine.state_disk_mb': async () => {
    const { closes, start: startEngine } = recordingEngine();
    await using neuron = await start({ 'engine.state_disk_mb': 50 }, startEngine);
    await neuron.load();
    await neuron.post('/models/unload', { model_id: 'tiny' });
    expect(closes).toMatchObject([{ saveMaxMib: 50 }]);
    // What comes of it is shown in saved-slots.test.ts.
  },
  'engine.startup_timeout_s': async () => {
    const never = scriptedEngine({ loadGate: createGate() });
    await using neuron = await start({ 'engine.startup_timeout_s': 0.05 }, never);
    const answer = await neuron.post('/models/load?wait=true', { model_id: 'tiny' });
    expect((await answer.json()).error.message).toContain('engine.startup_timeout_s');
  },
  'engine.wedge_s': async () => {
    expect(
      loadNeuronConfig({ file: file('[engine]\nwedge_s = 7'), env: {} }).value.engine,
    ).toMatchObject({ wedge_s: 7 });
    // What it does is shown with a process, in engine-dies.test.ts.
  },
  'security.node_token_file': async () => {
    await using neuron = await start({ 'security.node_token_file': file('secret\n') });
    const authorization = 'Bearer secret';
    expect((await neuron.get('/models')).status).toBe(401);
    expect((await neuron.get('/models', { headers: { authorization } })).status).toBe(200);
  },
  'security.tls_cert': async () => {
    await using neuron = await start(tlsFlags());
    expect(neuron.url).toStartWith('https://');
  },
  'security.tls_key': async () => {
    const other = { 'security.tls_key': file(createSelfSigned('other').key) };
    const { message } = await failureOf(start({ ...tlsFlags(), ...other }));
    expect(message).toContain('security.tls_key');
  },
  'security.insecure': async () => {
    const open = { listen: '0.0.0.0:0' };
    expect((await failureOf(start(open))).message).toContain('security.node_token_file');
    await using neuron = await start({ ...open, 'security.insecure': true });
    expect((await neuron.get('/health')).status).toBe(200);
  },
  'security.https_hosts': async () => {
    await using fixture = await PullFixture.start({
      flags: { 'security.https_hosts': ['files.example'] },
    });
    const report = await fixture.pulled({ model_id: 'm', source: 'https://1.1.1.1/m.gguf' });
    expect(report.error).toContain('is not in security.https_hosts');
  },
  'security.file_roots': async () => {
    const path = file('GGUF');
    const call = { model_id: 'x', source: `file:${path}` };
    await using closed = await start({});
    expect((await closed.post('/models/load?wait=true', call)).status).toBe(422);
    await using open = await start({ 'security.file_roots': [join(path, '..')] });
    expect((await open.post('/models/load?wait=true', call)).status).toBe(200);
  },
  'security.cors_origins': async () => {
    const headers = { origin: 'https://chat.example' };
    await using neuron = await start({ 'security.cors_origins': [headers.origin] });
    const { status, headers: answered } = await neuron.get('/models', { headers });
    expect(status).toBe(200);
    expect(answered.get('access-control-allow-origin')).toBe(headers.origin);
  },
  'security.allowed_hosts': async () => {
    const headers = { host: 'node.example', origin: 'https://node.example' };
    await using neuron = await start({ 'security.allowed_hosts': ['node.example'] });
    expect((await neuron.get('/models', { headers })).status).toBe(200);
  },
};

describe('neuron.toml', () => {
  test('has a test for the effect of each key of the schema', () => {
    const keys = new Set(
      listConfigKeys(NeuronConfig).map(({ key }) =>
        key.replace(/^(default_models|harnesses)\b.*/, '$1'),
      ),
    );

    expect(Object.keys(OBSERVATIONS).sort()).toEqual([...keys].sort());
  });

  for (const [key, observe] of Object.entries(OBSERVATIONS)) test(key, observe, 20_000);
});

describe('neuron.example.toml', () => {
  const example = fileURLToPath(new URL('../../../config/neuron.example.toml', import.meta.url));

  test('is valid and shows the defaults', () => {
    const { value } = loadNeuronConfig({ file: example, env: {} });

    expect(value).toEqual(loadNeuronConfig({ file: undefined, env: {} }).value);
  });
});

test('a load gets a prompt cache of at most a quarter of the RAM that is free at that moment', async () => {
  const { specs, start: startEngine } = recordingEngine();
  let freeMib = 10_000;
  const parts = { startEngine, freeRamMib: () => freeMib };
  await using neuron = await TestNeuron.start({ parts });

  await neuron.load();
  await neuron.post('/models/unload', { model_id: 'tiny' });
  freeMib = 100_000;
  await neuron.load();

  expect(specs.map(({ promptCacheMib }) => promptCacheMib)).toEqual([2500, 4096]);
});

test('an address beyond loopback without a token stops the start with the key and the line', () => {
  const path = file('listen = "0.0.0.0:13131"');

  expect(() => loadNeuronConfig({ file: path, env: {} })).toThrow(`${path}:1: listen`);
});

test('environment variables override the file', () => {
  const env = { NEURON_LISTEN: '127.0.0.1:4', NEURON_ENGINE__THREADS: '2', NEURON_LOG: 'debug' };

  const { value, warnings } = loadNeuronConfig({ file: file('listen = "127.0.0.1:3"'), env });

  expect(value).toMatchObject({ listen: '127.0.0.1:4', engine: { threads: 2 } });
  expect(warnings).toEqual([]);
});
