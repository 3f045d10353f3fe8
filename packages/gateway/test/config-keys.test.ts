/** Every key of cortex.toml and models.toml is read: each is changed, and the change observed. */
import { afterEach, describe, expect, test } from 'bun:test';
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type DecideSettings } from '@cortex/fleet';
import { listConfigKeys } from '@cortex/service';
import { createSelfSigned, type FakeLoad, FakeNeuron } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { GatewayConfig } from '../src/config/gateway-config.ts';
import { loadGatewayConfig } from '../src/config/load-gateway-config.ts';
import { ModelsConfig } from '../src/config/models-config.ts';
import { toControlConfig } from '../src/config/to-control-settings.ts';
import { toDecideSettings } from '../src/control/to-decide-settings.ts';
import { GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

type Setup = Parameters<typeof GatewayUnderTest.start>[0];

async function start(setup: Setup): Promise<GatewayUnderTest> {
  const gateway = await GatewayUnderTest.start(setup);
  open.push(gateway);
  return gateway;
}

function fake(options: ConstructorParameters<typeof FakeNeuron>[0] = {}): FakeNeuron {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }], ...options });
  open.push(neuron);
  return neuron;
}

const codeOf = async (response: Response): Promise<unknown> =>
  toObject(toObject(await response.json())['error'])['code'];

/** A file in a temporary folder, deleted after the test. */
function fileWith(text: string): string {
  const file = join(temporaryFolder('cortex-keys'), 'file');
  writeFileSync(file, text);
  return file;
}

/** The catalogue gets the value of a key; the tests of `fleet` show what it does. */
async function entryWith(line: string) {
  const modelsToml = `[[models]]\nid = "m"\n${line}\n`;
  const gateway = await start({ neurons: { beast: fake() }, modelsToml });
  return gateway.running.control.snapshot().catalogue.get('m');
}

/** The decisions get the value of a key; the tests of `fleet` show what each does. */
async function expectSetting<K extends keyof DecideSettings>(
  toml: string,
  setting: K,
  value: DecideSettings[K],
) {
  const file = join(temporaryFolder('cortex-keys'), 'cortex.toml');
  writeFileSync(file, toml);
  const { config, ownTokens } = loadGatewayConfig({ file, env: {} });
  expect(
    toDecideSettings(toControlConfig(config.value, { shared: undefined, own: ownTokens }))[setting],
  ).toBe(value);
}

const tlsToml = ({ cert, key }: { readonly cert: string; readonly key: string }): string =>
  `tls_cert = "${fileWith(cert)}"\ntls_key = "${fileWith(key)}"`;

/** One node whose only slot is taken, so that the next request waits. */
async function startFull(toml: string): Promise<GatewayUnderTest> {
  const neuron = fake({ models: [{ id: 'm', load: { max_in_flight: 1, max_queue_depth: 0 } }] });
  const gateway = await start({ neurons: { beast: neuron }, toml });
  void gateway.chat({ model: 'm' }).catch(() => undefined);
  await neuron.exchange();
  return gateway;
}

/** The load that a request for a catalogue model with these settings starts. */
async function loadWith(settings: string): Promise<FakeLoad> {
  const neuron = fake({ models: [] });
  const gateway = await start({
    neurons: { beast: neuron },
    modelsToml: `[[models]]\nid = "org/wanted"\n${settings}\n`,
  });
  void gateway.chat({ model: 'org/wanted' }).catch(() => undefined);
  return neuron.load();
}

async function expectLora(): Promise<void> {
  const { request } = await loadWith('lora = [{ source = "file:/style.gguf", scale = 0.5 }]');
  expect(request.lora).toEqual([{ source: 'file:/style.gguf', scale: 0.5 }]);
}

async function expectParams(): Promise<void> {
  const { request } = await loadWith('params = { temperature = 0.7 }');
  expect(request.params).toEqual({ temperature: 0.7 });
}

/** The default fields of an alias are sent to the node in a header. */
async function expectStampedParams(): Promise<void> {
  const neuron = fake();
  const gateway = await start({
    neurons: { beast: neuron },
    modelsToml:
      '[aliases]\nquick = { model = "m", params = { chat_template_kwargs = { enable_thinking = false } } }\n',
  });
  const answer = gateway.chat({ model: 'quick' });
  const exchange = await neuron.exchange();
  exchange.json({ ok: true });
  await answer;
  const stamped = Buffer.from(exchange.headers.get('x-cortex-params') ?? '', 'base64url');
  expect(JSON.parse(stamped.toString())).toEqual({
    chat_template_kwargs: { enable_thinking: false },
  });
}

async function listedModels(
  modelsToml: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const gateway = await start({ neurons: { beast: fake() }, modelsToml });
  const list = toObject(await (await gateway.get('/v1/models')).json())['data'];
  return Array.isArray(list) ? list.map(toObject) : [];
}

const GATEWAY_CASES: Readonly<Record<string, () => Promise<void>>> = {
  async 'gateway.listen'() {
    const gateway = await start({ env: { CORTEX_GATEWAY__LISTEN: '127.0.0.2:0' } });
    expect(gateway.url).toStartWith('http://127.0.0.2:');
    expect((await gateway.get('/health')).status).toBe(200);
  },
  async 'gateway.metrics_listen'() {
    const gateway = await start({ env: { CORTEX_GATEWAY__METRICS_LISTEN: '127.0.0.3:0' } });
    expect(gateway.running.metricsUrl).toStartWith('http://127.0.0.3:');
  },
  async 'gateway.models_config'() {
    const file = fileWith('[aliases]\nother-name = "m"\n');
    const gateway = await start({
      neurons: { beast: fake() },
      gatewayToml: `models_config = "${file}"`,
    });
    expect(gateway.running.control.resolve('other-name')).toMatchObject({ model: 'm' });
  },
  async 'gateway.state_dir'() {
    const folder = temporaryFolder('cortex-state');
    await start({ env: { CORTEX_GATEWAY__STATE_DIR: folder } });
    expect(readdirSync(folder)).toEqual(['admin.key']);
  },
  async 'gateway.max_body_mb'() {
    const gateway = await start({ gatewayToml: 'max_body_mb = 0.001' });
    expect((await gateway.chat({ model: 'm', pad: 'x'.repeat(2000) })).status).toBe(413);
  },
  async 'gateway.shutdown_grace_s'() {
    const neuron = fake();
    const config = fileWith(
      `[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"\nstate_dir = "state"\nshutdown_grace_s = 0.1
[[neurons]]\nname = "beast"\nendpoint = "${neuron.url}"\n`,
    );
    const ready = `${config}.ready`;
    const cli = join(import.meta.dir, '../../cli/src/main.ts');
    const child = Bun.spawn([process.execPath, cli, 'serve', '-c', config, '--ready-file', ready], {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    while (!(await Bun.file(ready).exists())) await Bun.sleep(20);
    const { api } = toObject(JSON.parse(readFileSync(ready, 'utf8')));
    const answer = fetch(`${String(api)}/v1/chat/completions`, {
      method: 'POST',
      body: '{"model":"m"}',
    });
    await neuron.exchange();
    child.kill('SIGTERM');
    // By default it would wait 30 s for the node.
    expect((await answer).status).toBe(503);
    expect(await child.exited).toBe(0);
  },
  async 'gateway.trusted_proxies'() {
    const neuron = fake();
    const gateway = await start({
      neurons: { beast: neuron },
      gatewayToml: 'trusted_proxies = ["127.0.0.0/8"]',
    });
    void gateway
      .chat({ model: 'm' }, { headers: { 'x-forwarded-for': '198.51.100.7' } })
      .catch(() => undefined);
    const { headers } = await neuron.exchange();
    expect(headers.get('x-cortex-principal')).toBe('addr:198.51.100.7');
  },
  async 'gateway.cors_origins'() {
    const gateway = await start({ gatewayToml: 'cors_origins = ["https://chat.example"]' });
    const { headers } = await gateway.get('/v1/models', {
      headers: { origin: 'https://chat.example' },
    });
    expect(headers.get('access-control-allow-origin')).toBe('https://chat.example');
  },
  async 'gateway.allowed_hosts'() {
    const gateway = await start({ gatewayToml: 'allowed_hosts = ["cortex.example"]' });
    const headers = { host: 'cortex.example', origin: 'https://cortex.example' };
    expect((await gateway.get('/v1/models', { headers })).status).toBe(200);
  },
  async 'gateway.tls_cert'() {
    const gateway = await start({ gatewayToml: tlsToml(createSelfSigned('localhost')) });
    expect(gateway.url).toStartWith('https://127.0.0.1:');
    const answer = await fetch(`${gateway.url}/health`, { tls: { rejectUnauthorized: false } });
    expect(answer.status).toBe(200);
  },
  async 'gateway.tls_key'() {
    const { cert } = createSelfSigned('localhost');
    const { key } = createSelfSigned('localhost');
    const started = GatewayUnderTest.start({ gatewayToml: tlsToml({ cert, key }) });
    await expect(started).rejects.toThrow(/gateway\.tls_key: .*is not the key of the certificate/);
  },
  async 'queue.max_waiting'() {
    const gateway = await startFull('[queue]\nmax_waiting = 0\n');
    expect(await codeOf(await gateway.chat({ model: 'm' }))).toBe('queue_full');
  },
  async 'queue.max_wait_s'() {
    const gateway = await startFull('[queue]\nmax_wait_s = 0.3\n');
    expect(await codeOf(await gateway.chat({ model: 'm', stream: true }))).toBe('queue_full');
  },
  async 'queue.max_hold_s'() {
    const gateway = await startFull('[queue]\nmax_hold_s = 0.2\n');
    expect(await codeOf(await gateway.chat({ model: 'm' }))).toBe('queue_full');
  },
  async 'timeouts.stream_idle_s'() {
    const neuron = fake();
    const gateway = await start({
      neurons: { beast: neuron },
      toml: '[timeouts]\nstream_idle_s = 0.3\n',
    });
    const answer = gateway.chat({ model: 'm', stream: true });
    (await neuron.exchange()).stream().token('a');
    expect(await (await answer).text()).toContain('node_timeout');
  },
  async 'timeouts.stall_s'() {
    const neuron = fake();
    const gateway = await start({
      neurons: { beast: neuron },
      toml: '[timeouts]\nstall_s = 0.3\n',
    });
    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await neuron.exchange();
    exchange.stream();
    for (let chunk = 0; chunk < 400; chunk += 1) exchange.token('x'.repeat(64 << 10));
    // The body is never read.
    await answer;
    expect(await gateway.record()).toMatchObject({ outcome: 'client_left' });
  },
  async 'timeouts.connect_s'() {
    const neuron = fake();
    neuron.hang();
    const gateway = await start({
      neurons: { beast: neuron },
      toml: '[timeouts]\nconnect_s = 0.2\n[queue]\nmax_hold_s = 1\n',
      settled: false,
    });
    await gateway.untilKnown(({ nodes }) => (nodes.get('beast')?.misses ?? 0) > 0);
    expect(gateway.running.control.snapshot().nodes.get('beast')?.error).toBeDefined();
  },
  async 'auth.node_token_file'() {
    const neuron = fake({ token: 'fleet' });
    const gateway = await start({
      neurons: { beast: neuron },
      toml: `[auth]\nnode_token_file = "${fileWith('fleet\n')}"\n`,
    });
    expect(gateway.running.control.snapshot().nodes.get('beast')?.state).toBe('up');
  },
  async 'auth.admin_key_file'() {
    const gateway = await start({
      toml: `[auth]\nadmin_key_file = "${fileWith('sesame')}"\n`,
    });
    const headers = { authorization: 'Bearer sesame' };
    expect((await gateway.get('/admin/v1/nodes', { headers })).status).toBe(200);
  },
  async 'control.poll_interval_s'() {
    const neuron = fake();
    await start({ neurons: { beast: neuron }, toml: '[control]\npoll_interval_s = 0.05\n' });
    expect((await neuron.call('/health', 4)).method).toBe('GET');
  },
  async 'control.failures_before_down'() {
    const neuron = fake();
    const gateway = await start({
      neurons: { beast: neuron },
      toml: '[control]\npoll_interval_s = 0.05\nfailures_before_down = 1\n',
    });
    await neuron.die();
    await gateway.untilKnown(({ nodes }) => nodes.get('beast')?.state === 'down');
    expect(gateway.running.control.snapshot().nodes.get('beast')?.misses).toBe(1);
  },
  async neurons() {
    const gateway = await start({ neurons: { one: fake(), two: fake() } });
    expect([...gateway.running.control.snapshot().nodes.keys()]).toEqual(['one', 'two']);
  },
  async 'neurons[].name'() {
    const gateway = await start({ neurons: { 'other-name': fake() } });
    expect(await (await gateway.get('/v1/models')).text()).toContain('"node":"other-name"');
  },
  async 'neurons[].endpoint'() {
    const neuron = fake();
    await start({ neurons: { beast: neuron } });
    expect(neuron.count('/models')).toBeGreaterThan(0);
  },
  async 'neurons[].tls_fingerprint'() {
    const tls = createSelfSigned('beast');
    const neuron = fake({ tls });
    await start({
      neurons: { beast: neuron },
      neuronToml: `tls_fingerprint = "sha256:${tls.fingerprint}"`,
    });
    expect(neuron.count('/models')).toBeGreaterThan(0);
  },
  async 'neurons[].token_file'() {
    const neuron = fake({ token: 'own' });
    const gateway = await start({
      neurons: { beast: neuron },
      toml: `[auth]\nnode_token_file = "${fileWith('fleet\n')}"\n`,
      neuronToml: `token_file = "${fileWith('own\n')}"`,
    });
    expect(gateway.running.control.snapshot().nodes.get('beast')?.state).toBe('up');
  },
  'eviction.strategy': () =>
    expectSetting('[eviction]\nstrategy = "priority"', 'strategy', 'priority'),
  'eviction.min_residency_s': () =>
    expectSetting('[eviction]\nmin_residency_s = 42', 'minResidencyMs', 42_000),
  'routing.policy': () =>
    expectSetting('[routing]\npolicy = "round-robin"', 'policy', 'round-robin'),
  'routing.affinity_load_factor': () =>
    expectSetting('[routing]\naffinity_load_factor = 2', 'affinityLoadFactor', 2),
  'queue.starve_s': () => expectSetting('[queue]\nstarve_s = 42', 'starveMs', 42_000),
  'queue.auto_pull': () => expectSetting('[queue]\nauto_pull = false', 'autoPull', false),
  async 'queue.loading_notes'() {
    const neuron = fake({ models: [{ id: 'm', status: 'unloaded' }] });
    const toml = '[queue]\nloading_notes = true';
    const gateway = await start({ neurons: { beast: neuron }, toml });
    const answer = gateway.chat({ model: 'm', stream: true });
    await neuron.load();
    expect((await readParts(await answer).next()).value).toContain('loading m on beast …');
  },
  'queue.hold_s': () => expectSetting('[queue]\nhold_s = 0', 'holdMs', 0),
  async 'eviction.defrag_after_cycles'() {
    const harnesses = [{ name: 'mistral', ok: true, lifecycle_cycles: 3 }];
    const neuron = fake({ harnesses });
    await start({ neurons: { beast: neuron }, toml: '[eviction]\ndefrag_after_cycles = 3' });
    await neuron.call('/harnesses/mistral/restart');
  },
  async 'neurons[].weight'() {
    const gateway = await start({ neurons: { beast: fake() }, neuronToml: 'weight = 2.5' });
    const replica = gateway.running.control.snapshot().replicasByModel.get('m')?.[0];
    expect(replica?.speedWeight).toBe(2.5);
  },
  'neurons[].wake': expectWake,
  'neurons[].wake.mac': expectWake,
  'neurons[].wake.broadcast': expectWake,
  'neurons[].wake.port': expectWake,
  async 'neurons[].wake.timeout_s'() {
    const wake = `wake = { mac = "${WAKE_MAC}", timeout_s = 7 }`;
    const gateway = await start({ neurons: { beast: fake() }, neuronToml: wake });
    expect(gateway.running.control.snapshot().nodes.get('beast')?.wakeMs).toBe(7000);
  },
  async 'neurons[].expected_offline'() {
    const neuron = fake();
    await neuron.die();
    const gateway = await start({
      neurons: { beast: neuron },
      neuronToml: 'expected_offline = true',
    });
    expect(toObject(await (await gateway.get('/health')).json())['status']).toBe('ok');
  },
};

const WAKE_MAC = '00:1a:2b:3c:4d:5e';

/** The packet that a gateway sends for a node that sleeps, when a request needs it. */
async function wakePacket(keys: string): Promise<string> {
  const receiver = createSocket('udp4');
  open.push({ close: async () => void receiver.close() });
  const received = Promise.withResolvers<Buffer>();
  receiver.on('message', received.resolve);
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
  const neuron = fake();
  await neuron.die();
  const wake = `mac = "${WAKE_MAC}", broadcast = "127.0.0.1", port = ${receiver.address().port}${keys}`;
  const gateway = await start({
    neurons: { beast: neuron },
    neuronToml: `wake = { ${wake} }`,
    modelsToml: '[[models]]\nid = "m"\n',
    toml: '[control]\nfailures_before_down = 1\n',
  });
  void gateway.chat({ model: 'm' }).catch(() => undefined);
  return (await received.promise).toString('hex');
}

async function expectWake(): Promise<void> {
  expect(await wakePacket('')).toEndWith('001a2b3c4d5e');
}

const MODELS_CASES: Readonly<Record<string, () => Promise<void>>> = {
  async models() {
    expect((await listedModels('[[models]]\nid = "one"\n[[models]]\nid = "two"\n')).length).toBe(3);
  },
  async 'models[].id'() {
    expect((await loadWith('')).request.model_id).toBe('org/wanted');
  },
  async 'models[].harness'() {
    const [model] = await listedModels('[[models]]\nid = "a"\nharness = "mistralrs"\n');
    expect(model?.['reason']).toContain('mistralrs');
  },
  async 'models[].source'() {
    expect((await loadWith('source = "file:/m.gguf"')).request.source).toBe('file:/m.gguf');
  },
  async 'models[].quant'() {
    expect((await loadWith('quant = "Q4_K_M"')).request.quant).toBe('Q4_K_M');
  },
  async 'models[].vram_mb'() {
    expect((await loadWith('vram_mb = 1234')).request.vram_mb).toBe(1234);
  },
  async 'models[].min_devices'() {
    const [model] = await listedModels('[[models]]\nid = "a"\nmin_devices = 2\n');
    expect(model?.['reason']).toContain('0 of 2 GPUs');
  },
  async 'models[].min_device_vram_mb'() {
    const [model] = await listedModels('[[models]]\nid = "a"\nmin_device_vram_mb = 10000\n');
    expect(model?.['reason']).toContain('10000 MiB');
  },
  async 'models[].context_length'() {
    expect((await loadWith('context_length = 4096')).request.context_length).toBe(4096);
  },
  async 'models[].slots'() {
    expect((await loadWith('slots = 3')).request.slots).toBe(3);
  },
  async 'models[].gpu_layers'() {
    expect((await loadWith('gpu_layers = "all"')).request.gpu_layers).toBe('all');
  },
  async 'models[].kv_type'() {
    expect((await loadWith('kv_type = "q8_0"')).request.kv_type).toBe('q8_0');
  },
  async 'models[].devices'() {
    expect((await loadWith('devices = [1]')).request.devices).toEqual([1]);
  },
  async 'models[].tensor_parallel'() {
    expect((await loadWith('tensor_parallel = 2')).request.tensor_parallel).toBe(2);
  },
  async 'models[].mmproj'() {
    expect((await loadWith('mmproj = "off"')).request.mmproj).toBe('off');
  },
  async 'models[].n_cpu_moe'() {
    expect((await loadWith('n_cpu_moe = 4')).request.n_cpu_moe).toBe(4);
  },
  async 'models[].on_image'() {
    expect((await loadWith('on_image = "placeholder"')).request.on_image).toBe('placeholder');
  },
  async 'models[].upstream_model'() {
    expect((await loadWith('upstream_model = "x"')).request.upstream_model).toBe('x');
  },
  async 'models[].args'() {
    expect((await loadWith('args = ["--x"]')).request.args).toEqual(['--x']);
  },
  async 'models[].draft'() {
    expect((await loadWith('draft = "lookup"')).request.draft).toBe('lookup');
  },
  'models[].lora': expectLora,
  'models[].lora[].source': expectLora,
  'models[].lora[].scale': expectLora,
  'models[].params': expectParams,
  'models[].params.*': expectParams,
  async 'models[].allow_cpu'() {
    expect((await entryWith('allow_cpu = true'))?.allowCpu).toBe(true);
  },
  async 'models[].residency_priority'() {
    expect((await entryWith('residency_priority = 7'))?.residencyPriority).toBe(7);
  },
  async 'models[].preload'() {
    const neuron = fake({ models: [{ id: 'm', status: 'unloaded' }] });
    await start({ neurons: { a: neuron }, modelsToml: '[[models]]\nid = "m"\npreload = true\n' });
    expect((await neuron.load()).request.model_id).toBe('m');
  },
  async 'models[].replicas'() {
    const second = fake({ models: [{ id: 'm', status: 'unloaded' }] });
    await start({
      neurons: { a: fake(), b: second },
      modelsToml: '[[models]]\nid = "m"\npreload = true\nreplicas = 2\n',
    });
    expect((await second.load()).request.model_id).toBe('m');
  },
  async 'models[].max_replicas'() {
    expect((await entryWith('max_replicas = 3'))?.maxReplicas).toBe(3);
  },
  async 'models[].ttl_s'() {
    expect((await loadWith('ttl_s = 90')).request.ttl_s).toBe(90);
  },
  async 'models[].pinned_on'() {
    expect((await loadWith('pinned_on = ["beast"]')).request.pinned).toBe(true);
  },
  async 'models[].load'() {
    const gateway = await start({
      neurons: { a: fake({ models: [{ id: 'm', status: 'unloaded' }] }) },
      modelsToml: '[[models]]\nid = "m"\nload = "manual"\n',
    });
    const answer = await gateway.chat({ model: 'm' });
    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain('cortex load m');
  },
  async 'models[].listed'() {
    const models = await listedModels('[[models]]\nid = "hidden"\nlisted = false\n');
    expect(models.map(({ id }) => id)).toEqual(['m']);
  },
  async aliases() {
    const gateway = await start({ neurons: { beast: fake() }, modelsToml: '[aliases]\na = "m"\n' });
    expect(gateway.running.control.resolve('a')).toMatchObject({ model: 'm', viaAlias: true });
  },
  async 'aliases.*'() {
    const gateway = await start({
      neurons: { beast: fake() },
      modelsToml: '[aliases]\n"a-*" = ["absent", "m"]\ndefault = "m"\n',
    });
    expect(gateway.running.control.resolve('a-1')).toMatchObject({ model: 'm' });
    expect(gateway.running.control.resolve('never heard of')).toMatchObject({ model: 'm' });
  },
  async 'aliases.*.model'() {
    const gateway = await start({
      neurons: { beast: fake() },
      modelsToml: '[aliases]\na = { model = "m" }\n',
    });
    expect(gateway.running.control.resolve('a')).toMatchObject({ model: 'm' });
  },
  async 'aliases.*.listed'() {
    const models = await listedModels('[aliases]\nshown = { model = "m", listed = true }\n');
    expect(models.map(({ id }) => id)).toEqual(['m', 'shown']);
  },
  'aliases.*.params': expectStampedParams,
  'aliases.*.params.*': expectStampedParams,
};

const FILES = [
  ['cortex.toml', GatewayConfig, GATEWAY_CASES],
  ['models.toml', ModelsConfig, MODELS_CASES],
] as const;

for (const [file, schema, cases] of FILES) {
  describe(file, () => {
    const keys = listConfigKeys(schema).map(({ key }) => key);

    test('has a test for each of its keys', () => {
      expect(Object.keys(cases).toSorted()).toEqual(keys.toSorted());
    });

    for (const [key, run] of Object.entries(cases)) {
      test(`${key} is read`, run, 20_000);
    }
  });
}
