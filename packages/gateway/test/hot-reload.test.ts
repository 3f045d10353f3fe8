/** Changes of cortex.toml, nodes.d and models.toml while the gateway serves. */
import { afterEach, describe, expect, test } from 'bun:test';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ModelList } from '@cortex/protocol';
import { FakeClock, FakeNeuron } from '@cortex/testkit';
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
      onChange: () => changes.push(...watched.loaded.models.value.models.map(({ id }) => id)),
    });

    writeFileSync(file, '[[models]]\nid = "second"\n');
    watched.refresh();

    expect(changes).toEqual(['second']);
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

  test('of a key that is read only at the start is named in a warning, and the rest is in use', async () => {
    const gateway = await start({ neurons: { a: fake('m') } });
    const text = readFileSync(gateway.file('cortex.toml'), 'utf8');

    writeFileSync(
      gateway.file('cortex.toml'),
      text.replace('[gateway]', '[gateway]\nmax_body_mb = 7'),
    );
    appendFileSync(gateway.file('cortex.toml'), '\n[queue]\nmax_waiting = 0\n');
    gateway.running.reload();

    expect(warnings(gateway)).toEqual(['a restart is needed for the new gateway.max_body_mb']);
  });
});
