import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron, REFUSALS, SCRIPTED_USAGE } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(nodes = 1, setup: Partial<Parameters<typeof GatewayUnderTest.start>[0]> = {}) {
  const neurons = Array.from(
    { length: nodes },
    () => new FakeNeuron({ models: [{ id: 'org/model' }] }),
  );
  open.push(...neurons);
  const gateway = await GatewayUnderTest.start({
    neurons: Object.fromEntries(neurons.map((neuron, index) => [`node-${index}`, neuron])),
    ...setup,
  });
  open.push(gateway);
  const [neuron = neurons[0]] = neurons;
  if (neuron === undefined) throw new Error('no node');
  return { neuron, neurons, gateway };
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const USAGE = { ...SCRIPTED_USAGE, prompt_tokens: 7, completion_tokens: 0, decode_ms: 0 };

describe.each([
  ['/v1/embeddings', 'embeddings', '{ "input":["a", "ü"],"model":"org/model" , "x":1e3}'],
  ['/v1/rerank', 'rerank', '{"query":"a","documents":["b",{"text":"c"}], "model":"org/model"}'],
  ['/v1/images/generations', 'images', '{"prompt":"a", "n":4,"model":"org/model"}'],
  ['/v1/audio/speech', 'audio', '{"input":"a","model" :"org/model","voice":"x"}'],
  ['/tokenize', 'tokenize', '{"model":"org/model","content":"ab", "add_special" : false}'],
  ['/detokenize', 'tokenize', '{"tokens":[1, 2,3],"model":"org/model"}'],
])('%s', (path, api, body) => {
  test('forwards the body unchanged and returns the answer', async () => {
    const { neuron, gateway } = await setUp();
    const whole = { object: 'list', data: [], model: 'org/model' };

    const answer = gateway.post(path, body);
    const exchange = await neuron.exchange();
    exchange.json(whole, {
      'x-neuron-usage': JSON.stringify(USAGE),
      'x-neuron-prompt-tokens': '7',
    });

    expect([exchange.path, textOf(exchange.bytes)]).toEqual([path, body]);
    expect(exchange.headers.get('x-cortex-principal')).toStartWith('addr:');
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(JSON.stringify(whole));
    expect(response.headers.get('x-cortex-node')).toBe('node-0');
    expect(response.headers.get('x-cortex-model')).toBe('org/model');
    expect(response.headers.has('x-neuron-usage')).toBe(false);
    expect(await gateway.record()).toMatchObject({
      api,
      outcome: 'ok',
      status: 200,
      stream: false,
      prompt_tokens: 7,
      completion_tokens: 0,
      estimated: false,
    });
    const metrics = await gateway.metrics();
    const labels = `api="${api}",model="org/model",node="node-0"`;
    expect(metrics).toContain(`cortex_requests_total{${labels},outcome="ok"} 1`);
    expect(metrics).toContain(`cortex_prompt_tokens_total{${labels}} 7`);
    expect(metrics).toContain(`cortex_request_duration_seconds_count{${labels}} 1`);
  });

  test('replaces an alias by the resolved model', async () => {
    const { neuron, gateway } = await setUp(1, {
      modelsToml: '[aliases]\n"text-embedding-3-small" = "org/model"\n',
    });

    const answer = gateway.post(path, body.replace('org/model', 'text-embedding-3-small'));
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });

    expect(textOf(exchange.bytes)).toBe(body);
    expect((await answer).headers.get('x-cortex-model')).toBe('org/model');
    expect(await gateway.record()).toMatchObject({ model_asked: 'text-embedding-3-small' });
  });

  test('returns the error of the node for a model that cannot do this', async () => {
    const { neuron, gateway } = await setUp();
    const message = 'This model is for writing text. It makes no embeddings – nö.';

    const answer = gateway.post(path, body);
    (await neuron.exchange()).fail({ status: 422, code: 'wrong_modality', message });

    const response = await answer;
    expect(response.status).toBe(422);
    expect(await response.text()).toBe(
      `{"error":{"message":"${message}","type":"server_error","code":"wrong_modality","param":null}}`,
    );
    expect(await gateway.record()).toMatchObject({
      code: 'wrong_modality',
      outcome: 'client_error',
      attempts: 1,
    });
  });

  test('tries another node after a refusal', async () => {
    const { neurons, gateway } = await setUp(2);

    const answer = gateway.post(path, body);
    const first = await Promise.race(neurons.map((node) => node.exchange()));
    const other = neurons.find((node) => node.activeCount === 0);
    first.fail(REFUSALS.recovering);
    (await other?.exchange())?.json({ ok: true });

    expect((await answer).status).toBe(200);
    expect(await gateway.record()).toMatchObject({ attempts: 2, outcome: 'ok' });
  });

  test('names a node that disconnects in its error', async () => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(path, body);
    await neuron.exchange();
    await neuron.die();

    const { error } = toObject(await (await answer).json());
    expect(toObject(error)['message']).toContain('node-0');
    expect((await answer).status).toBe(502);
    expect(await gateway.record()).toMatchObject({ api, outcome: 'upstream_error' });
  });

  test.each([
    ['{"model":"nobody-has-it"}', 404, 'model_not_found'],
    ['{"model":{}}', 400, 'invalid_request'],
    ['{"model":', 400, 'malformed_json'],
  ])('refuses %s', async (wrong, status, code) => {
    const { neuron, gateway } = await setUp();

    const response = await gateway.post(path, wrong);

    expect(response.status).toBe(status);
    expect(toObject(toObject(await response.json())['error'])['code']).toBe(code);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(neuron.count(path)).toBe(0);
    expect(await gateway.record()).toMatchObject({ api, code, status });
  });

  test('ignores "stream" in the body', async () => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(path, `${body.slice(0, -1)},"stream":true}`);
    (await neuron.exchange()).json({ ok: true });

    expect(await (await answer).json()).toEqual({ ok: true });
    expect(await gateway.record()).toMatchObject({ stream: false });
  });

  test('refuses GET with 405', async () => {
    const { gateway } = await setUp();

    const response = await gateway.get(path);

    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });
});

describe('while all slots of the node are taken', () => {
  const full = { id: 'org/model', load: { max_in_flight: 1, max_queue_depth: 0 } };

  async function setUpFull() {
    const neuron = new FakeNeuron({ models: [full] });
    open.push(neuron);
    const gateway = await GatewayUnderTest.start({ neurons: { 'node-0': neuron } });
    open.push(gateway);
    const seated = gateway.chat({ model: 'org/model' });
    return { neuron, gateway, seated, chat: await neuron.exchange(1) };
  }

  test('tokenizer routes are served', async () => {
    const { neuron, gateway, seated, chat } = await setUpFull();

    const answer = gateway.post('/tokenize', { model: 'org/model', content: 'a' });
    (await neuron.exchange(2)).json({ tokens: [1] });

    expect(await (await answer).json()).toEqual({ tokens: [1] });
    chat.json({ ok: true });
    expect((await seated).status).toBe(200);
    expect(gateway.inFlight).toBe(0);
  });

  test('embeddings wait for a slot', async () => {
    const { neuron, gateway, seated, chat } = await setUpFull();

    const answer = gateway.post('/v1/embeddings', { model: 'org/model', input: 'a' });
    const tokens = gateway.post('/tokenize', { model: 'org/model', content: 'a' });
    const second = await neuron.exchange(2);
    expect(second.path).toBe('/tokenize');
    second.json({ tokens: [1] });
    await tokens;
    chat.json({ ok: true });
    await seated;
    (await neuron.exchange(3)).json({ data: [] });

    expect(await (await answer).json()).toEqual({ data: [] });
  });
});

describe('a form with a recording', () => {
  const form = (fields: Readonly<Record<string, string>>): FormData => {
    const data = new FormData();
    data.set('file', new File([Uint8Array.from({ length: 256 }, (_, at) => at)], 'a.wav'));
    for (const [name, value] of Object.entries(fields)) data.set(name, value);
    return data;
  };

  const send = (gateway: GatewayUnderTest, path: string, body: FormData): Promise<Response> =>
    fetch(gateway.url + path, { method: 'POST', body });

  const received = (exchange: Awaited<ReturnType<FakeNeuron['exchange']>>) => {
    const headers = { 'content-type': exchange.headers.get('content-type') ?? '' };
    return new Response(Uint8Array.from(exchange.bytes), { headers }).formData();
  };

  test.each(['/v1/audio/transcriptions', '/v1/audio/translations'])(
    'reaches the model in its field at %s, with the bytes of the file and the resolved name',
    async (path) => {
      const { neuron, gateway } = await setUp(1, {
        modelsToml: '[aliases]\n"whisper-1" = "org/model"\n',
      });

      const answer = send(gateway, path, form({ model: 'whisper-1', language: 'de' }));
      const exchange = await neuron.exchange();
      exchange.json({ text: 'heard' });

      const data = await received(exchange);
      expect(data.get('model')).toBe('org/model');
      expect(data.get('language')).toBe('de');
      const file = data.get('file');
      expect(file instanceof File ? (await file.bytes()).length : undefined).toBe(256);
      expect(await (await answer).json()).toEqual({ text: 'heard' });
      expect(await gateway.record()).toMatchObject({ api: 'audio', model_asked: 'whisper-1' });
    },
  );

  test('without a model goes to the only one there is, which is added to it', async () => {
    const { neuron, gateway } = await setUp();

    const answer = send(gateway, '/v1/audio/transcriptions', form({ language: 'de' }));
    const exchange = await neuron.exchange();
    exchange.json({ text: 'heard' });

    expect((await received(exchange)).get('model')).toBe('org/model');
    expect((await answer).status).toBe(200);
  });

  test('that is cut is refused with 400', async () => {
    const { gateway } = await setUp();

    const answer = await gateway.post('/v1/audio/transcriptions', '--x\r\n', {
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    });

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.code).toBe('invalid_request');
  });
});
