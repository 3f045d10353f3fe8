/** `cortex add` and `cortex rm`, as the admin API performs them. */
import { afterEach, describe, expect, test } from 'bun:test';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

import { AdminAdded, AdminRemoved, ModelList } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start(setup: Parameters<typeof GatewayUnderTest.start>[0] = {}) {
  const beast = new FakeNeuron({
    memoryMib: 10_000,
    models: [{ id: 'org/new', status: 'unloaded', vram_used_mb: 4000 }],
  });
  open.push(beast);
  const gateway = await GatewayUnderTest.start({ neurons: { beast }, ...setup });
  open.push(gateway);
  return { beast, gateway };
}

const NEW = { id: 'org/new', source: 'hf:org/new', quant: 'Q4_K_M', context_length: 8192 };
const TOML = '# ours\n[[models]]\nid = "old"   # keep\n';

const WITH_FILES = `${TOML}\n[[models]]\nid = "org/new"\n`;

const deletions = (neuron: FakeNeuron) =>
  neuron.calls.all.filter(({ method }) => method === 'DELETE').map(({ path }) => path);

const listed = async (gateway: GatewayUnderTest): Promise<readonly string[]> =>
  ModelList.parse(await (await gateway.get('/v1/models')).json()).data.map(({ id }) => id);

describe('POST /admin/v1/models/add', () => {
  test('writes the model below what is in models.toml, which is in use at once', async () => {
    const { beast, gateway } = await start({ modelsToml: TOML });

    const answer = await gateway.admin('/models/add', NEW);

    expect(AdminAdded.parse(await answer.json())).toEqual({
      model: 'org/new',
      file: gateway.file('models.toml'),
      nodes: [{ node: 'beast', need_mb: 4000 }],
    });
    expect(readFileSync(gateway.file('models.toml'), 'utf8')).toBe(
      `${TOML}\n[[models]]\nid = "org/new"\nsource = "hf:org/new"\nquant = "Q4_K_M"\ncontext_length = 8192\n`,
    );
    expect(await listed(gateway)).toEqual(['old', 'org/new']);
    void gateway.chat({ model: 'org/new' }).catch(() => undefined);
    expect((await beast.load()).request).toMatchObject({
      model_id: 'org/new',
      source: 'hf:org/new',
      quant: 'Q4_K_M',
      context_length: 8192,
    });
  });

  test('creates models.toml in the state folder where none is named', async () => {
    const { gateway } = await start();

    const answer = await gateway.admin('/models/add', NEW);

    const { file } = AdminAdded.parse(await answer.json());
    expect(file).toBe(gateway.file('state/models.toml'));
    expect(await listed(gateway)).toContain('org/new');
  });

  test('refuses an id that models.toml has', async () => {
    const { gateway } = await start({ modelsToml: TOML });

    const answer = await gateway.admin('/models/add', { ...NEW, id: 'old' });

    expect(answer.status).toBe(409);
    expect(readFileSync(gateway.file('models.toml'), 'utf8')).toBe(TOML);
  });

  test('refuses a source that no node can use, with the reason of a node, and writes nothing', async () => {
    const { beast, gateway } = await start();
    const message = 'org/new has no file for Q4: the nearest is Q4_K_M';
    beast.failPath('/models/org%2Fnew/estimate', { status: 404, code: 'model_not_found', message });

    const answer = await gateway.admin('/models/add', NEW);

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(message);
    expect(existsSync(gateway.file('state/models.toml'))).toBe(false);
  });

  test('refuses settings that models.toml does not allow', async () => {
    const { gateway } = await start({ modelsToml: TOML });

    const answer = await gateway.admin('/models/add', { ...NEW, context_length: 0 });

    expect(answer.status).toBe(400);
    expect(readFileSync(gateway.file('models.toml'), 'utf8')).toBe(TOML);
  });
});

describe('while the configuration has a mistake', () => {
  const MISTAKE = '\n[gateway_]\n';

  test('a model is neither added to models.toml nor removed from it', async () => {
    const { gateway } = await start({ modelsToml: TOML });
    appendFileSync(gateway.file('cortex.toml'), MISTAKE);

    const answers = [
      await gateway.admin('/models/add', NEW),
      await gateway.admin('/models/remove', { model: 'old' }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([409, 409]);
    for (const answer of answers) {
      expect(await answer.text()).toContain('has a mistake, which its log names');
    }
    expect(readFileSync(gateway.file('models.toml'), 'utf8')).toBe(TOML);
    const logged = gateway.lines.map(({ msg }) => String(msg));
    expect(logged).toContainEqual(expect.stringContaining('cortex.toml'));
  });

  test('the files of a model stay when its entry cannot be removed', async () => {
    const { beast, gateway } = await start({ modelsToml: WITH_FILES });
    appendFileSync(gateway.file('cortex.toml'), MISTAKE);

    const answer = await gateway.admin('/models/remove', { model: 'org/new', files: true });

    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain('was not changed');
    expect(deletions(beast)).toEqual([]);
  });

  test('an added model creates no models.toml', async () => {
    const { gateway } = await start();
    appendFileSync(gateway.file('cortex.toml'), MISTAKE);

    const answer = await gateway.admin('/models/add', NEW);

    expect(answer.status).toBe(409);
    expect(existsSync(gateway.file('state/models.toml'))).toBe(false);
  });
});

describe('POST /admin/v1/models/remove', () => {
  test('removes the entry, and leaves the files', async () => {
    const { beast, gateway } = await start({ modelsToml: WITH_FILES });

    const answer = await gateway.admin('/models/remove', { model: 'org/new' });

    expect(AdminRemoved.parse(await answer.json())).toEqual({
      model: 'org/new',
      results: [],
      catalogued: false,
      file: gateway.file('models.toml'),
    });
    expect(readFileSync(gateway.file('models.toml'), 'utf8')).toBe(TOML);
    expect(deletions(beast)).toEqual([]);
  });

  test('with files removes them, then the entry', async () => {
    const { beast, gateway } = await start({ modelsToml: WITH_FILES });

    const answer = await gateway.admin('/models/remove', { model: 'org/new', files: true });

    expect(answer.status).toBe(200);
    expect(AdminRemoved.parse(await answer.json())).toMatchObject({
      results: [{ node: 'beast' }],
      catalogued: false,
    });
    expect(deletions(beast)).toEqual(['/models/org%2Fnew/files']);
    expect(readFileSync(gateway.file('models.toml'), 'utf8')).toBe(TOML);
  });

  test('leaves the files of a model that is written in a way that only a person can remove', async () => {
    const { beast, gateway } = await start({ modelsToml: 'models = [{ id = "org/new" }]\n' });

    const answer = await gateway.admin('/models/remove', { model: 'org/new', files: true });

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('remove it by hand');
    expect(deletions(beast)).toEqual([]);
  });

  test('refuses a model that is neither in models.toml nor on a node', async () => {
    const { gateway } = await start({ modelsToml: TOML });

    const answers = await Promise.all([
      gateway.admin('/models/remove', { model: 'nobody' }),
      gateway.admin('/models/remove', { model: 'nobody', files: true }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });
});
