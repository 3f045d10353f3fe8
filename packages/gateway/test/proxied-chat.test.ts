import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron, SCRIPTED_USAGE } from '@cortex/testkit';

import { dataOf, GatewayUnderTest, readParts } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(options: Partial<Parameters<typeof GatewayUnderTest.start>[0]> = {}) {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, ...options });
  open.push(gateway);
  return { neuron, gateway };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('the body that the node gets', () => {
  const bodies = {
    'several system messages':
      '{"model":"org/model","messages":[{"role":"system","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"}]}',
    'no system message': '{"messages":[{"role":"user","content":"c"}],"model":"org/model"}',
    'odd spacing, numbers and unknown fields':
      '{ "model" : "org/model",\n\t"temperature":0.70, "x_unknown":{"n":1e3}, "messages":[] , "big":12345678901234567890}',
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`is the one that the client sent: ${name}`, async () => {
      const { neuron, gateway } = await setUp();

      const answer = gateway.chat(body);
      const exchange = await neuron.exchange();
      exchange.json({ ok: true });

      expect(text(exchange.bytes)).toBe(body);
      expect((await answer).status).toBe(200);
    });
  }

  test('differs only in the model when the client used an alias, in the last of duplicates', async () => {
    const { neuron, gateway } = await setUp({
      modelsToml: '[aliases]\n"fast-*" = "org/model"\n',
    });

    const answer = gateway.chat(
      '{"model":"first", "messages":[ ],"model": "fast-1" ,"n" : 1, "stop":"\\"model\\""}',
    );
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });

    expect(text(exchange.bytes)).toBe(
      '{"model":"first", "messages":[ ],"model": "org/model" ,"n" : 1, "stop":"\\"model\\""}',
    );
    const response = await answer;
    expect(response.headers.get('x-cortex-model')).toBe('org/model');
    expect((await gateway.record())['model_asked']).toBe('fast-1');
  });

  test('is decompressed', async () => {
    const { neuron, gateway } = await setUp();
    const body = '{"model":"org/model","messages":[]}';

    const answer = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: Bun.gzipSync(body),
    });
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });

    expect(text(exchange.bytes)).toBe(body);
    expect(exchange.headers.has('content-encoding')).toBe(false);
    expect((await answer).status).toBe(200);
  });
});

describe('headers', () => {
  test('of the client are forwarded, except credentials, identity and hop-by-hop headers', async () => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.chat(
      { model: 'org/model' },
      {
        headers: {
          authorization: 'Bearer secret',
          'x-api-key': 'secret',
          cookie: 'a=b',
          connection: 'keep-alive, x-hop',
          'x-hop': '1',
          te: 'trailers',
          'x-cortex-principal': 'key:root',
          'x-neuron-refused': '1',
          'x-forwarded-for': '10.0.0.1',
          'accept-encoding': 'gzip',
          'x-request-id': 'mine-1',
          'x-session-id': 's',
          traceparent: '00-1-2-01',
        },
      },
    );
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });
    await answer;

    const got = Object.fromEntries(exchange.headers.entries());
    expect(got).toMatchObject({
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      traceparent: '00-1-2-01',
      'x-request-id': 'mine-1',
      'x-session-id': 's',
      'x-cortex-principal': expect.stringMatching(/^session:[0-9a-f]{16}$/),
    });
    for (const name of ['authorization', 'x-api-key', 'cookie', 'x-hop', 'te', 'x-forwarded-for'])
      expect(got).not.toHaveProperty([name]);
    expect(got).not.toHaveProperty(['x-neuron-refused']);
  });

  test('include the node token for the node and the x-cortex headers for the client only', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'org/model' }], token: 'fleet' });
    open.push(neuron);
    const tokenFile = `${import.meta.dir}/__fixtures__/node-token`;
    const gateway = await GatewayUnderTest.start({
      neurons: { beast: neuron },
      toml: `[auth]\nnode_token_file = "${tokenFile}"\n`,
    });
    open.push(gateway);

    const answer = gateway.chat({ model: 'org/model' });
    (await neuron.exchange()).json({ ok: true }, { 'set-cookie': 'a=b', 'x-other': 'kept' });

    const { headers } = await answer;
    expect(headers.get('x-request-id')).toMatch(/^req_[A-Za-z0-9]{24}$/);
    expect(headers.get('x-cortex-node')).toBe('beast');
    expect(headers.get('x-cortex-model')).toBe('org/model');
    expect(headers.get('x-other')).toBe('kept');
    for (const name of ['x-cortex-cold-start', 'x-neuron-usage', 'set-cookie'])
      expect(headers.has(name)).toBe(false);
  });
});

describe('a relayed stream', () => {
  test('arrives event by event, with comments and usage, and ends with [DONE]', async () => {
    const { neuron, gateway } = await setUp();

    const response = gateway.chat({ model: 'org/model', stream: true });
    const exchange = await neuron.exchange();
    exchange.stream().event({ choices: [{ delta: { role: 'assistant', content: '' } }] });
    const parts = readParts(await response);
    const arrived: unknown[] = [(await parts.next()).value];
    exchange.token('a');
    arrived.push((await parts.next()).value);
    exchange.raw(': keep-alive\n');
    arrived.push((await parts.next()).value);
    exchange.token('b');
    arrived.push((await parts.next()).value);
    exchange.finish();
    for await (const part of parts) arrived.push(part);

    expect(arrived).toHaveLength(5);
    expect(arrived[2]).toBe(': keep-alive\n');
    expect(String(arrived[4])).toEndWith('data: [DONE]\n\n');
    const { headers } = await response;
    expect(headers.get('content-type')).toStartWith('text/event-stream');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(headers.has('content-encoding')).toBe(false);
    expect(await gateway.record()).toMatchObject({
      outcome: 'ok',
      status: 200,
      stream: true,
      prompt_tokens: SCRIPTED_USAGE.prompt_tokens,
      completion_tokens: SCRIPTED_USAGE.completion_tokens,
      estimated: false,
    });
  });

  test('consists of whole events, wherever the node splits its chunks', async () => {
    const { neuron, gateway } = await setUp();

    const response = gateway.chat({ model: 'org/model', stream: true });
    const exchange = await neuron.exchange();
    exchange.stream().raw('data: {"one":"ä').raw(' half"}\r\n\r').raw('\ndata: {"tw');
    const parts = readParts(await response);
    const first = (await parts.next()).value;
    exchange.raw('o":2}\n\n');
    const second = (await parts.next()).value;
    exchange.finish();

    expect(first).toBe('data: {"one":"ä half"}\r\n\r\n');
    expect(second).toBe('data: {"two":2}\n\n');
    for await (const part of parts) expect(part).toContain('[DONE]');
  });

  test('without usage is counted by events, and its record says that it is an estimate', async () => {
    const { neuron, gateway } = await setUp();

    const response = gateway.chat({ model: 'org/model', stream: true });
    const exchange = await neuron.exchange();
    exchange.stream().token('a').token('b').token('c').raw('data: [DONE]\n\n');
    const parts = readParts(await response);
    await parts.next();
    exchange.breakOff();
    await gateway
      .record()
      .then((record) => expect(record).toMatchObject({ estimated: true, prompt_tokens: 5 }));
  });
});

describe('an error answer of a node', () => {
  test('is relayed byte for byte, with its status and Retry-After', async () => {
    const { neuron, gateway } = await setUp();
    const error = { status: 503, code: 'queue_full', message: 'später', retryAfterS: 7 };

    const answer = gateway.chat({ model: 'org/model', stream: true });
    (await neuron.exchange()).fail(error);

    const response = await answer;
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.text()).toBe(
      '{"error":{"message":"später","type":"server_error","code":"queue_full","param":null}}',
    );
    expect(await gateway.record()).toMatchObject({
      status: 503,
      code: 'queue_full',
      outcome: 'unavailable',
      attempts: 1,
    });
  });
});

test('completions are relayed to /v1/completions', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.post('/v1/completions', { model: 'org/model', prompt: 'a', stream: true });
  const exchange = await neuron.exchange();
  exchange
    .stream()
    .raw(': accepted\n')
    .event({ choices: [{ text: 'b' }] })
    .finish();

  expect(exchange.path).toBe('/v1/completions');
  expect(dataOf(await (await answer).text())).toHaveLength(2);
  expect((await gateway.record())['api']).toBe('completions');
  expect(await gateway.metrics()).toContain(
    'cortex_requests_total{api="completions",model="org/model",node="beast",outcome="ok"} 1',
  );
});

test('every request has exactly one record, and it contains no prompt', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.chat({
    model: 'org/model',
    messages: [{ role: 'user', content: 'my very secret' }],
  });
  (await neuron.exchange()).json({ choices: [{ message: { content: 'an answer' } }] });
  await answer;
  await gateway.chat('{"model":"nobody-has-it"}');
  await gateway.record(2);

  expect(gateway.records).toHaveLength(2);
  expect(JSON.stringify(gateway.lines)).not.toContain('secret');
  expect(JSON.stringify(gateway.lines)).not.toContain('an answer');
});
