/** What clients of local servers send: no `model`, no `/v1`. */
import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(models: readonly string[], modelsToml = '') {
  const neuron = new FakeNeuron({ models: models.map((id) => ({ id })) });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, modelsToml });
  open.push(gateway);
  return { neuron, gateway };
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test.each([
  ['{ "messages":[] }', '{"model":"org/model", "messages":[] }'],
  ['{"model":null,"messages":[]}', '{"model":"org/model","messages":[]}'],
  ['{"messages":[],"model":""}', '{"messages":[],"model":"org/model"}'],
])('a body without a model is served by the only model: %s', async (body, sent) => {
  const { neuron, gateway } = await setUp(['org/model']);

  const answer = gateway.chat(body);
  const exchange = await neuron.exchange();
  exchange.json({ ok: true });

  expect(textOf(exchange.bytes)).toBe(sent);
  expect((await answer).status).toBe(200);
  expect(await gateway.record()).toMatchObject({ model: 'org/model', outcome: 'ok' });
});

test('a body without a model is served by the alias default, if there is one', async () => {
  const { neuron, gateway } = await setUp(['a', 'b'], '[aliases]\ndefault = "b"\n');

  const answer = gateway.post('/v1/embeddings', '{"input":"x"}');
  (await neuron.exchange()).json({ ok: true });

  expect((await answer).headers.get('x-cortex-model')).toBe('b');
});

test.each([[[]], [['a', 'b']]])(
  'a body without a model is refused if there is not exactly one: %j',
  async (models) => {
    const { gateway } = await setUp(models);

    const answer = await gateway.chat('{"messages":[]}');

    expect(answer.status).toBe(400);
    expect(toObject(toObject(await answer.json())['error'])).toMatchObject({
      code: 'missing_model_field',
      param: 'model',
    });
  },
);

test.each(['/chat/completions', '/completions', '/embeddings', '/rerank', '//chat/completions/'])(
  'POST %s is served without /v1',
  async (path) => {
    const { neuron, gateway } = await setUp(['org/model']);

    const answer = gateway.post(path, { model: 'org/model' });
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });

    expect((await answer).status).toBe(200);
    expect(exchange.path).toBe(`/v1${path.replaceAll('//', '/').replace(/\/$/, '')}`);
  },
);

test.each(['/models', '/models/org/model', '/v1//models', '/v1/models/org%2Fmodel/'])(
  'GET and HEAD %s are served',
  async (path) => {
    const { gateway } = await setUp(['org/model']);

    const [get, head] = [await gateway.get(path), await gateway.get(path, { method: 'HEAD' })];

    expect([get.status, head.status]).toEqual([200, 200]);
    expect(await get.text()).toContain('org/model');
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(2);
  },
);

test('/v1/models/{name} knows every name that is served: alias, glob, id@node and default', async () => {
  const { gateway } = await setUp(
    ['org/model'],
    '[aliases]\nexact = "org/model"\n"claude-*" = "org/model"\ndefault = "org/model"\n',
  );

  for (const name of ['exact', 'claude-opus-5', 'org/model@beast', 'anything'])
    expect(toObject(await (await gateway.get(`/v1/models/${name}`)).json())['id']).toBe(name);
});

test.each([100_000, 129, 5])('n = %p is refused before a cold model is loaded', async (n) => {
  const { neuron, gateway } = await setUp([], '[[models]]\nid = "cold"\n');

  const answer = await gateway.chat({ model: 'cold', n });

  expect(answer.status).toBe(400);
  expect(toObject(toObject(await answer.json())['error'])['param']).toBe('n');
  expect(neuron.count('/models/load')).toBe(0);
});
