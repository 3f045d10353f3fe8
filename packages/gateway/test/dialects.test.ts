/** Requests in the APIs that clients speak, answered by nodes that speak chat completions. */
import { afterEach, describe, expect, test } from 'bun:test';

import { type FakeModel, FakeNeuron, SCRIPTED_USAGE } from '@cortex/testkit';

import {
  byPath,
  chatAnswer,
  CLIENTS,
  finishChat,
  receivedBy,
  streamedText,
  TRANSLATED,
} from './client-dialects.ts';
import { GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const ALIAS = '[aliases]\n"fast" = "org/model"\n';

async function setUp(model: Partial<FakeModel> = {}) {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model', ...model }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, modelsToml: ALIAS });
  open.push(gateway);
  return { neuron, gateway };
}

describe('the node gets a chat with its own name of the model, without credentials', () => {
  test.each(byPath(TRANSLATED))('%s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('fast'), {
      headers: { 'x-api-key': 'secret', authorization: 'Bearer secret', 'x-request-id': 'mine-1' },
    });
    const exchange = await neuron.exchange();
    exchange.json(chatAnswer('hello'));
    await answer;

    expect(exchange.path).toBe('/v1/chat/completions');
    expect(receivedBy(exchange)).toMatchObject({
      model: 'org/model',
      messages: [{ role: 'user', content: client.content }],
    });
    const headers = Object.fromEntries(exchange.headers.entries());
    expect(headers).toMatchObject({ 'x-request-id': 'mine-1', 'accept-encoding': 'identity' });
    for (const name of ['x-api-key', 'authorization']) expect(headers).not.toHaveProperty([name]);
    expect(Number(headers['content-length'])).toBe(exchange.bytes.length);
  });
});

describe('a whole answer reaches the client in its form, with the name that it asked for', () => {
  test.each(byPath(CLIENTS))('%s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('fast'));
    (await neuron.exchange()).json(chatAnswer('hello'));

    const response = await answer;
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toStartWith('application/json');
    expect(response.headers.get('x-cortex-node')).toBe('beast');
    expect(response.headers.get('x-cortex-model')).toBe('org/model');
    expect(response.headers.has('x-neuron-usage')).toBe(false);
    const requestId = response.headers.get('x-request-id');
    expect(response.headers.get('request-id')).toBe(client.name === 'anthropic' ? requestId : null);
    expect(toObject(await response.json())).toMatchObject(client.whole('fast', 'hello'));
    expect(await gateway.record()).toMatchObject({
      api: client.api,
      model_asked: 'fast',
      model: 'org/model',
      outcome: 'ok',
      status: 200,
      stream: false,
      prompt_tokens: SCRIPTED_USAGE.prompt_tokens,
      completion_tokens: SCRIPTED_USAGE.completion_tokens,
    });
  });
});

describe('a streamed answer reaches the client token by token, in its form', () => {
  test.each(byPath(CLIENTS))('%s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('fast', { stream: true }));
    const exchange = await neuron.exchange();
    exchange.stream().token('one ');
    const response = await answer;
    const parts = readParts(response);
    let text = '';
    while (streamedText(client, text) !== 'one ') text += (await parts.next()).value ?? '';
    exchange.token('two');
    finishChat(exchange);
    for await (const part of parts) text += part;

    expect(response.headers.get('content-type')).toBe(client.streamType);
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('x-cortex-node')).toBe('beast');
    expect(streamedText(client, text)).toBe('one two');
    expect([client.eventsOf(text).at(-1)]).toMatchObject([client.last]);
    expect(await gateway.record()).toMatchObject({
      api: client.api,
      outcome: 'ok',
      status: 200,
      stream: true,
      prompt_tokens: SCRIPTED_USAGE.prompt_tokens,
      completion_tokens: SCRIPTED_USAGE.completion_tokens,
      estimated: false,
    });
    expect(gateway.inFlight).toBe(0);
  });
});

describe('the client of a silent node gets a sign of life, then the answer', () => {
  test.each(byPath(CLIENTS))('%s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('fast', { stream: true }));
    const exchange = await neuron.exchange();
    const parts = readParts(await answer);
    const first = (await parts.next()).value ?? '';
    exchange.stream().token('hello');
    finishChat(exchange);
    let text = first;
    for await (const part of parts) text += part;

    expect(first).toContain(client.silence);
    expect(streamedText(client, first)).toBe('');
    expect(streamedText(client, text)).toBe('hello');
    expect([client.eventsOf(text).at(-1)]).toMatchObject([client.last]);
    // The opening events are sent once.
    for (const event of ['event: message_start', 'event: response.created'])
      expect(text.split(event).length).toBeLessThanOrEqual(2);
    expect(await gateway.record()).toMatchObject({ outcome: 'ok', status: 200 });
  });
});

test.each([
  ['/messages', 1],
  ['/v1/messages?beta=true', 1],
  ['/messages?beta=true', 1],
  ['/responses', 2],
] as const)('%s is served like the documented path', async (path, at) => {
  const { neuron, gateway } = await setUp();
  const client = CLIENTS[at];

  const answer = gateway.post(path, client.ask('org/model'));
  (await neuron.exchange()).json(chatAnswer('hello'));

  expect(toObject(await (await answer).json())).toMatchObject(client.whole('org/model', 'hello'));
  expect((await gateway.record())['api']).toBe(client.api);
});

describe('/v1/messages/count_tokens', () => {
  const body = { model: 'fast', messages: [{ role: 'user', content: 'hi' }] };

  test.each(['/v1/messages/count_tokens', '/messages/count_tokens?beta=true'])(
    '%s asks a node that has only the file, without a load and without a slot',
    async (path) => {
      const { neuron, gateway } = await setUp({ status: 'unloaded' });

      const answer = gateway.post(path, body);
      const exchange = await neuron.exchange();
      const whileCounting = gateway.inFlight;
      exchange.json({ input_tokens: 12 });

      expect(await (await answer).json()).toEqual({ input_tokens: 12 });
      expect(exchange.path).toBe('/count-tokens');
      expect(receivedBy(exchange)).toMatchObject({ model: 'org/model', messages: body.messages });
      expect(whileCounting).toBe(0);
      expect(neuron.count('/models/load')).toBe(0);
      expect(await gateway.record()).toMatchObject({ api: 'count_tokens', outcome: 'ok' });
    },
  );

  test('is answered while all slots are taken', async () => {
    const { neuron, gateway } = await setUp({ load: { max_in_flight: 1, max_queue_depth: 0 } });
    const busy = gateway.chat({ model: 'org/model' });
    const first = await neuron.exchange();

    const answer = gateway.post('/v1/messages/count_tokens', body);
    (await neuron.exchange(2)).json({ input_tokens: 12 });

    expect((await answer).status).toBe(200);
    first.json({ ok: true });
    await busy;
  });
});

test.each([
  ['/v1/messages', { type: 'web_search_20250305', name: 'web_search' }, 1],
  ['/v1/responses', { type: 'web_search' }, 2],
] as const)('%s names the tools that no node has in a header', async (path, tool, at) => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.post(path, CLIENTS[at].ask('fast', { tools: [tool] }));
  const exchange = await neuron.exchange();
  exchange.json(chatAnswer('hello'));

  expect((await answer).headers.get('x-cortex-dropped-tools')).toBe('web_search');
  expect(receivedBy(exchange)).not.toHaveProperty('tools');
});

test.each([
  [
    '/v1/messages',
    { output_config: { task_budget: { type: 'tokens', total: 9 } } },
    1,
    'output_config.task_budget',
  ],
  ['/v1/responses', { text: { verbosity: 'low' } }, 2, 'text.verbosity'],
  ['/api/chat', { stream: false, options: { typical_p: 0.5 } }, 3, 'options.typical_p'],
] as const)('%s names the fields that are left out in a header', async (path, fields, at, name) => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.post(path, CLIENTS[at].ask('fast', fields));
  (await neuron.exchange()).json(chatAnswer('hello'));

  const { headers } = await answer;
  expect(headers.get('x-cortex-dropped-fields')).toBe(name);
  expect(headers.get('x-cortex-dropped-tools')).toBeNull();
});

test('/v1/messages counts the prompt at the start, and tells a full context from a limit of tokens', async () => {
  const { neuron, gateway } = await setUp({ limit: { context: 7, output: 7 } });
  const client = CLIENTS[1];

  const answer = gateway.post(client.path, client.ask('fast', { stream: true }));
  const exchange = await neuron.exchange();
  exchange.stream().token('hello');
  finishChat(exchange, 'length');

  const events = client.eventsOf(await (await answer).text());
  expect(events[0]).toMatchObject({
    type: 'message_start',
    message: { usage: { input_tokens: SCRIPTED_USAGE.prompt_tokens } },
  });
  expect(events.at(-2)).toMatchObject({
    type: 'message_delta',
    delta: { stop_reason: 'model_context_window_exceeded' },
    usage: { output_tokens: SCRIPTED_USAGE.completion_tokens },
  });
});
