/** Changes of cortex.toml, nodes.d and models.toml while the gateway serves. */
import { afterEach, describe, expect, test } from 'bun:test';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AdminFleet, ModelList } from '@cortex/protocol';
import { createSelfSigned, FakeClock, FakeNeuron } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { loadGatewayConfig } from '../src/config/load-gateway-config.ts';
import { WatchedConfig } from '../src/watch-config.ts';
import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

function fake(...models: readonly string[]): FakeNeuron {
  const neuron = new FakeNeuron({ models: models.map((id) => ({ id })) });
  open.push(neuron);
  return neuron;
}

async function start(
  setup: Parameters<typeof GatewayUnderTest.start>[0],
): Promise<GatewayUnderTest> {
  const gateway = await GatewayUnderTest.start(setup);
  open.push(gateway);
  return gateway;
}

const modelsOf = async (gateway: GatewayUnderTest): Promise<readonly string[]> =>
  ModelList.parse(await (await gateway.get('/v1/models')).json()).data.map(({ id }) => id);

const warnings = (gateway: GatewayUnderTest): readonly string[] =>
  gateway.lines.filter(({ level }) => level === 'warn').map(({ msg }) => String(msg));

const neuronToml = (name: string, { url }: FakeNeuron): string =>
  `\n[[neurons]]\nname = "${name}"\nendpoint = "${url}"\n`;

describe('a change of models.toml', () => {
  test('is in use after a reload, and a running stream goes on', async () => {
    const neuron = fake('m');
    const gateway = await start({ neurons: { a: neuron }, modelsToml: '[[models]]\nid = "one"\n' });
    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = (await neuron.exchange()).stream();

    writeFileSync(gateway.file('models.toml'), '[[models]]\nid = "two"\n[aliases]\nfast = "m"\n');
    gateway.running.reload();

    expect(await modelsOf(gateway)).toEqual(['m', 'two']);
    const viaAlias = gateway.chat({ model: 'fast' });
    (await neuron.exchange(2)).json({ ok: true });
    expect((await viaAlias).status).toBe(200);
    exchange.token('hello').finish();
    expect(await (await answer).text()).toContain('hello');
  });

  test('is found within 5 s without a signal', async () => {
    const clock = new FakeClock();
    const gateway = await start({ neurons: { a: fake('m') }, modelsToml: '', clock });

    writeFileSync(gateway.file('models.toml'), '[[models]]\nid = "found"\n');
    clock.advance(5000);

    expect(await modelsOf(gateway)).toEqual(['found', 'm']);
  });

  test('is found where only the environment names the file', async () => {
    const folder = temporaryFolder('cortex-models');
    const file = join(folder, 'ours.toml');
    writeFileSync(file, '[[models]]\nid = "one"\n');
    const changes: string[] = [];
    const input = { file: undefined, env: { CORTEX_GATEWAY__MODELS_CONFIG: file } };
    const loaded = loadGatewayConfig(input);
    const log = { info: () => undefined, warn: () => undefined };
    const watched = new WatchedConfig({
      loaded,
      input,
      log,
      prepare: (next) => () => changes.push(...next.models.value.models.map(({ id }) => id)),
    });

    writeFileSync(file, '[[models]]\nid = "second"\n');
    watched.refresh();

    expect(changes).toEqual(['second']);
  });

  test('that cannot be put in use whole is tried again, and logged once', () => {
    const file = join(temporaryFolder('cortex-models'), 'models.toml');
    writeFileSync(file, '[[models]]\nid = "one"\n');
    const logged: string[] = [];
    const input = { file: undefined, modelsFile: file, env: {} };
    let failures = 2;
    const watched = new WatchedConfig({
      loaded: loadGatewayConfig(input),
      input,
      log: { info: () => undefined, warn: (text: unknown) => void logged.push(String(text)) },
      prepare: () => () => {
        if (failures-- > 0) throw new Error('the port is taken');
      },
    });

    writeFileSync(file, '[[models]]\nid = "second"\n');
    watched.refresh();
    watched.refresh();
    expect(failures).toBe(0);
    watched.refresh();
    watched.refresh();

    expect(failures).toBe(-1);
    expect(logged).toEqual(['the new configuration is in use only in part: the port is taken']);
    expect(watched.loaded.models.value.models.map(({ id }) => id)).toEqual(['second']);
  });

  test('with a mistake changes nothing, and is logged once with file and line', async () => {
    const gateway = await start({
      neurons: { a: fake('m') },
      modelsToml: '[[models]]\nid = "one"\n',
    });

    writeFileSync(gateway.file('models.toml'), '[[models]]\nid = "two"\nquantt = "Q4"\n');
    gateway.running.reload();
    gateway.running.reload();

    expect(await modelsOf(gateway)).toEqual(['m', 'one']);
    expect(warnings(gateway)).toHaveLength(1);
    expect(warnings(gateway)[0]).toMatch(
      /^the earlier configuration stays in use: .*models\.toml:3/s,
    );
  });
});

describe('a change of cortex.toml', () => {
  test('adds and removes nodes under running requests', async () => {
    const [a, b] = [fake('m'), fake('n')];
    const gateway = await start({ neurons: { a } });
    const before = readFileSync(gateway.file('cortex.toml'), 'utf8');
    const answer = gateway.chat({ model: 'm' });
    const exchange = await a.exchange();

    mkdirSync(gateway.file('nodes.d'));
    writeFileSync(gateway.file('nodes.d/b.toml'), neuronToml('b', b));
    gateway.running.reload();
    await gateway.untilKnown(({ nodes }) => nodes.get('b')?.state === 'up');
    const onB = gateway.chat({ model: 'n' });
    (await b.exchange()).json({ ok: true });
    expect((await onB).status).toBe(200);

    writeFileSync(gateway.file('cortex.toml'), before.replace(/\[\[neurons\]\][^[]*/, ''));
    gateway.running.reload();
    expect([...gateway.running.control.snapshot().nodes.keys()]).toEqual(['b']);
    exchange.json({ ok: true });
    expect((await answer).status).toBe(200);
  });

  test('can name another models.toml, without a warning', async () => {
    const gateway = await start({ neurons: { a: fake('m') }, modelsToml: '' });
    const text = readFileSync(gateway.file('cortex.toml'), 'utf8');
    writeFileSync(gateway.file('other.toml'), '[[models]]\nid = "other"\n');

    writeFileSync(
      gateway.file('cortex.toml'),
      text.replace('[gateway]', '[gateway]\nmodels_config = "other.toml"'),
    );
    gateway.running.reload();

    expect(await modelsOf(gateway)).toEqual(['m', 'other']);
    expect(warnings(gateway)).toEqual([]);
  });

  test('of a key that is read only at the start is named in a warning and in the fleet, and the rest is in use', async () => {
    const gateway = await start({ neurons: { a: fake('m') } });

    rewrite(gateway, (text) =>
      text.replace(/state_dir = .*/, 'state_dir = "elsewhere"\nmax_body_mb = 7'),
    );
    appendFileSync(gateway.file('cortex.toml'), '\n[queue]\nmax_waiting = 0\n');
    gateway.running.reload();

    expect(warnings(gateway)).toEqual(['restart cortex to use the new gateway.state_dir']);
    const fleet = AdminFleet.parse(await (await gateway.admin('/fleet')).json());
    expect(fleet.restart_required).toEqual(['gateway.state_dir']);
    expect(existsSync(gateway.file('elsewhere'))).toBe(false);

    rewrite(gateway, (text) => text.replace('"elsewhere"', '"state"'));
    gateway.running.reload();

    const settled = AdminFleet.parse(await (await gateway.admin('/fleet')).json());
    expect(settled.restart_required).toBeUndefined();
  });
});

/** Changes the text of cortex.toml. */
function rewrite(gateway: GatewayUnderTest, change: (text: string) => string): void {
  const file = gateway.file('cortex.toml');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

/** Adds lines to `[gateway]`, and reads the file again. */
function addToGateway(gateway: GatewayUnderTest, lines: string): void {
  rewrite(gateway, (text) => text.replace('[gateway]', `[gateway]\n${lines}`));
  gateway.running.reload();
}

describe('without a restart applies a new', () => {
  test('max_body_mb', async () => {
    const neuron = fake('m');
    const gateway = await start({ neurons: { a: neuron } });

    addToGateway(gateway, 'max_body_mb = 0.001');

    const large = await gateway.chat({ model: 'm', messages: [], user: 'x'.repeat(2000) });
    expect(large.status).toBe(413);
    expect(warnings(gateway)).toEqual([]);
  });

  test('shutdown_grace_s', async () => {
    const gateway = await start({ neurons: { a: fake('m') } });

    addToGateway(gateway, 'shutdown_grace_s = 7');

    expect(gateway.running.graceMs()).toBe(7000);
  });

  test('trusted_proxies', async () => {
    const neuron = fake('m');
    const gateway = await start({ neurons: { a: neuron } });
    addToGateway(gateway, 'trusted_proxies = ["127.0.0.1"]');

    const answer = gateway.chat({ model: 'm' }, { headers: { 'x-forwarded-for': '192.0.2.9' } });
    (await neuron.exchange()).json({ ok: true });
    await answer;

    expect(await gateway.record()).toMatchObject({ principal: 'addr:192.0.2.9' });
  });

  test('cors_origins', async () => {
    const gateway = await start({ neurons: { a: fake('m') } });
    const headers = { origin: 'https://chat.example' };
    expect((await gateway.get('/v1/models', { headers })).status).toBe(403);

    addToGateway(gateway, 'cors_origins = ["https://chat.example"]');

    const answer = await gateway.get('/v1/models', { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://chat.example');
  });

  test('auth.admin_key_file, and leaves the earlier one for a file that cannot be used', async () => {
    const gateway = await start({ neurons: { a: fake('m') } });
    const admin = async (key: string): Promise<number> => {
      const headers = { authorization: `Bearer ${key}` };
      return (await gateway.get('/admin/v1/nodes', { headers })).status;
    };
    writeFileSync(gateway.file('key'), 'another-key\n', { mode: 0o600 });

    appendFileSync(gateway.file('cortex.toml'), '\n[auth]\nadmin_key_file = "key"\n');
    gateway.running.reload();

    expect(await admin('another-key')).toBe(200);
    expect(await admin(gateway.adminKey)).toBe(401);

    rewrite(gateway, (text) => text.replace('"key"', '"nowhere"'));
    gateway.running.reload();

    expect(await admin('another-key')).toBe(200);
    expect(warnings(gateway).at(-1)).toMatch(/earlier configuration stays in use: .*nowhere/);
  });

  test('auth.node_token_file', async () => {
    const neuron = fake('m');
    const gateway = await start({ neurons: { a: neuron } });
    writeFileSync(gateway.file('token'), 'fresh\n', { mode: 0o600 });

    appendFileSync(gateway.file('cortex.toml'), '\n[auth]\nnode_token_file = "token"\n');
    gateway.running.reload();
    const answer = gateway.chat({ model: 'm' });
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });

    expect((await answer).status).toBe(200);
    expect(exchange.headers.get('authorization')).toBe('Bearer fresh');
  });
});

describe('a new certificate', () => {
  const [first, second] = [createSelfSigned('localhost'), createSelfSigned('localhost')];

  /** A gateway with the first certificate. */
  async function startSecured(neuron: FakeNeuron): Promise<GatewayUnderTest> {
    const folder = temporaryFolder('cortex-tls');
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    writePair([cert, key], first);
    const gateway = await start({
      neurons: { a: neuron },
      gatewayToml: `tls_cert = "${cert}"\ntls_key = "${key}"\n`,
    });
    pairs.set(gateway, [cert, key]);
    return gateway;
  }
  const pairs = new WeakMap<GatewayUnderTest, readonly [string, string]>();

  function writePair([certFile, keyFile]: readonly [string, string], pair: typeof first): void {
    writeFileSync(certFile, pair.cert);
    writeFileSync(keyFile, pair.key, { mode: 0o600 });
  }

  const ask = (gateway: GatewayUnderTest, { cert }: typeof first, path: string, init = {}) =>
    fetch(`${gateway.url.replace('127.0.0.1', 'localhost')}${path}`, {
      keepalive: false,
      ...init,
      tls: { ca: cert },
    });

  test('in the same files is used for new connections, and a running stream goes on', async () => {
    const neuron = fake('m');
    const gateway = await startSecured(neuron);
    const { url } = gateway;
    const body = JSON.stringify({ model: 'm', stream: true });
    const headers = { 'content-type': 'application/json' };
    const answer = ask(gateway, first, '/v1/chat/completions', { method: 'POST', body, headers });
    const exchange = (await neuron.exchange()).stream().token('one');
    const { body: stream } = await answer;
    const text = new Response(stream).text();

    writePair(pairs.get(gateway) ?? ['', ''], second);
    gateway.running.reload();

    expect(gateway.url).toBe(url);
    await gateway.logged('listening with a new certificate');
    expect((await ask(gateway, second, '/health')).status).toBe(200);
    expect(await ask(gateway, first, '/health').catch(() => 'refused')).toBe('refused');
    exchange.token('two').finish();
    expect(await text).toContain('two');
  });

  test('is used for the next request of a connection that had one under way', async () => {
    const neuron = fake('m');
    const gateway = await startSecured(neuron);
    const init = {
      method: 'POST',
      body: JSON.stringify({ model: 'm' }),
      headers: { 'content-type': 'application/json' },
      keepalive: true,
    };
    const answer = ask(gateway, first, '/v1/chat/completions', init);
    const exchange = await neuron.exchange();

    writePair(pairs.get(gateway) ?? ['', ''], second);
    gateway.running.reload();
    exchange.json({ ok: true });

    expect((await answer).status).toBe(200);
    await (await answer).text();
    expect(await ask(gateway, first, '/health', { keepalive: true }).catch(() => 'refused')).toBe(
      'refused',
    );
  });

  test('that cannot be used leaves the earlier one', async () => {
    const gateway = await startSecured(fake('m'));

    writePair(pairs.get(gateway) ?? ['', ''], { ...second, key: first.key });
    gateway.running.reload();

    expect((await ask(gateway, first, '/health')).status).toBe(200);
    expect(warnings(gateway)).toHaveLength(1);
    expect(warnings(gateway)[0]).toContain('is not the key of the certificate');
  });

  test('ends with the gateway, although a stream of the earlier one is open', async () => {
    const neuron = fake('m');
    const gateway = await startSecured(neuron);
    const body = JSON.stringify({ model: 'm', stream: true });
    const headers = { 'content-type': 'application/json' };
    const answer = ask(gateway, first, '/v1/chat/completions', { method: 'POST', body, headers });
    (await neuron.exchange()).stream().token('one');
    const { body: stream } = await answer;
    const text = new Response(stream).text().catch(() => 'broken off');
    writePair(pairs.get(gateway) ?? ['', ''], second);
    gateway.running.reload();

    await gateway.running.close(0);

    expect(await text).toContain('shutting_down');
    expect(await ask(gateway, second, '/health').catch(() => 'refused')).toBe('refused');
  });
});
