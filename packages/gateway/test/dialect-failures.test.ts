/** Failures in the APIs that clients speak: each in the envelope or event of its dialect, and none recorded as ok. */
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { byPath, chatAnswer, CLIENTS, streamedText, TRANSLATED } from './client-dialects.ts';
import { GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp() {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);
  return { neuron, gateway };
}

const FULL = { status: 503, code: 'queue_full', message: 'the queue is full', retryAfterS: 7 };
const FULL_SHOWN = { ...FULL, type: 'overloaded_error' };
const CUT_OFF = {
  status: 502,
  code: 'upstream_disconnected',
  message: expect.stringMatching(/node/i),
  type: 'api_error',
};
const CUT_OFF_RECORD = { outcome: 'upstream_error', status: 502, code: 'upstream_disconnected' };

describe('a refusal before the commit has the status and envelope of the dialect', () => {
  for (const stream of [true, false])
    test.each(byPath(CLIENTS))(`%s (stream: ${stream})`, async (_, client) => {
      const { neuron, gateway } = await setUp();

      const answer = gateway.post(client.path, client.ask('m', { stream }));
      (await neuron.exchange()).fail(FULL);

      const response = await answer;
      expect(response.status).toBe(client.name === 'anthropic' ? 529 : 503);
      expect(response.headers.get('retry-after')).toBe('7');
      expect(response.headers.get('content-type')).toStartWith('application/json');
      const requestId = response.headers.get('x-request-id');
      expect(requestId).toStartWith('req_');
      if (client.name === 'anthropic') expect(response.headers.get('request-id')).toBe(requestId);
      expect(toObject(await response.json())).toMatchObject(client.refusal(FULL_SHOWN));
      expect(await gateway.record()).toMatchObject({
        api: client.api,
        outcome: 'unavailable',
        status: 503,
        code: 'queue_full',
      });
      expect(gateway.inFlight).toBe(0);
    });
});

describe('a refusal after the commit is the last event of the dialect', () => {
  test.each(byPath(CLIENTS))('%s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('m', { stream: true }));
    const exchange = await neuron.exchange();
    const parts = readParts(await answer);
    let text = (await parts.next()).value ?? '';
    exchange.fail(FULL);
    for await (const part of parts) text += part;

    const last = client.failure(FULL_SHOWN);
    expect(client.eventsOf(text).slice(-last.length)).toMatchObject([...last]);
    expect(await gateway.record()).toMatchObject({
      outcome: 'unavailable',
      status: 503,
      code: 'queue_full',
    });
    expect(gateway.inFlight).toBe(0);
  });
});

describe('a refusal with a code that is not ours is recorded as the client got it', () => {
  const TEAPOT = { status: 422, code: 'teapot', message: 'I am a teapot.' };
  const AS_SENT = { outcome: 'client_error', status: 422, code: 'teapot' };
  const TRANSLATED_RECORD = { outcome: 'client_error', status: 400, code: 'invalid_request' };

  for (const stream of [true, false])
    test.each(byPath(CLIENTS))(`before the commit: %s (stream: ${stream})`, async (_, client) => {
      const { neuron, gateway } = await setUp();

      const answer = gateway.post(client.path, client.ask('m', { stream }));
      (await neuron.exchange()).fail(TEAPOT);

      const recorded = client.name === 'openai' ? AS_SENT : TRANSLATED_RECORD;
      expect((await answer).status).toBe(recorded.status);
      expect(await gateway.record()).toMatchObject(recorded);
    });

  test.each(byPath(CLIENTS))('after the commit: %s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('m', { stream: true }));
    const exchange = await neuron.exchange();
    const parts = readParts(await answer);
    let text = (await parts.next()).value ?? '';
    exchange.fail(TEAPOT);
    for await (const part of parts) text += part;

    expect(text).toContain(TEAPOT.message);
    expect(await gateway.record()).toMatchObject(
      client.name === 'openai' ? AS_SENT : TRANSLATED_RECORD,
    );
  });

  test.each(byPath(CLIENTS))('as an event: %s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('m', { stream: true }));
    const exchange = await neuron.exchange();
    exchange.stream().token('hel').event({ error: TEAPOT }).raw('data: [DONE]\n\n').end();

    expect(await (await answer).text()).toContain(TEAPOT.message);
    expect(await gateway.record()).toMatchObject(
      client.name === 'openai' ? AS_SENT : TRANSLATED_RECORD,
    );
  });
});

const ENGINE_DIED = { status: 503, code: 'node_recovering', message: 'the engine died' };

/** How a node fails after its first token, what the client is told, and what the record says. */
const BREAKS = {
  'an error event': {
    fail: (exchange: Exchange) =>
      exchange
        .event({ error: { ...ENGINE_DIED, type: 'server_error', param: null } })
        .raw('data: [DONE]\n\n')
        .end(),
    shown: { ...ENGINE_DIED, type: 'overloaded_error' },
    recorded: { outcome: 'unavailable', status: 503, code: 'node_recovering' },
  },
  'a broken connection': {
    fail: (exchange: Exchange) => exchange.breakOff(),
    shown: CUT_OFF,
    recorded: CUT_OFF_RECORD,
  },
  'an end without [DONE]': {
    fail: (exchange: Exchange) => exchange.end(),
    shown: CUT_OFF,
    recorded: CUT_OFF_RECORD,
  },
};
type Exchange = Awaited<ReturnType<FakeNeuron['exchange']>>;

describe.each(Object.entries(BREAKS))(
  '%s after the first token',
  (_, { fail, shown, recorded }) => {
    test.each(byPath(CLIENTS))('ends the stream of %s with its error', async (_path, client) => {
      const { neuron, gateway } = await setUp();

      const answer = gateway.post(client.path, client.ask('m', { stream: true }));
      const exchange = await neuron.exchange();
      exchange.stream().token('hel');
      const parts = readParts(await answer);
      let text = '';
      while (streamedText(client, text) !== 'hel') text += (await parts.next()).value ?? '';
      fail(exchange);
      for await (const part of parts) text += part;

      const events = client.eventsOf(text);
      const last = client.failure(shown);
      expect(events.slice(-last.length)).toMatchObject([...last]);
      if (client.name !== 'openai') expectNoEnd(text);
      expect(await gateway.record()).toMatchObject(recorded);
      expect(gateway.inFlight).toBe(0);
    });
  },
);

/** The events with which a good answer ends are not sent. */
function expectNoEnd(text: string): void {
  for (const end of ['message_stop', 'response.completed', '"done":true'])
    expect(text).not.toContain(end);
}

/** Ends of a stream that only a dialect that reads its events can tell from good ones. */
const HIDDEN_BREAKS = {
  'an error without an envelope': {
    pieces: [
      'data: {"object":"error","message":"the engine died","code":"node_recovering","status":503}\n\n',
      'data: [DONE]\n\n',
    ],
    shown: { ...ENGINE_DIED, type: 'overloaded_error' },
    recorded: { outcome: 'unavailable', status: 503, code: 'node_recovering' },
  },
  '[DONE] without a reason for the end': {
    pieces: ['data: [DONE]\n\n'],
    shown: CUT_OFF,
    recorded: CUT_OFF_RECORD,
  },
  'a reason for the end that means a failure': {
    pieces: [
      'data: {"choices":[{"index":0,"delta":{},"finish_reason":"abort"}]}\n\n',
      'data: [DONE]\n\n',
    ],
    shown: CUT_OFF,
    recorded: CUT_OFF_RECORD,
  },
  'an event that is not JSON': {
    pieces: ['data: {"choices":\n\n', 'data: [DONE]\n\n'],
    shown: { ...CUT_OFF, code: 'node_protocol_error' },
    recorded: { ...CUT_OFF_RECORD, code: 'node_protocol_error' },
  },
};

describe.each(Object.entries(HIDDEN_BREAKS))('%s', (_, { pieces, shown, recorded }) => {
  for (const isOnePiece of [false, true])
    test.each(byPath(TRANSLATED))(
      `fails the stream of %s and keeps its tokens (${isOnePiece ? 'in one piece' : 'in pieces'} of the network)`,
      async (_path, client) => {
        const { neuron, gateway } = await setUp();

        const answer = gateway.post(client.path, client.ask('m', { stream: true }));
        const exchange = await neuron.exchange();
        const token = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'hel' } }] })}\n\n`;
        exchange.stream();
        if (isOnePiece) exchange.raw(token + pieces.join(''));
        else for (const piece of [token, ...pieces]) exchange.raw(piece);
        exchange.end();
        const text = await (await answer).text();

        const last = client.failure(shown);
        expect(client.eventsOf(text).slice(-last.length)).toMatchObject([...last]);
        expect(streamedText(client, text)).toBe('hel');
        expectNoEnd(text);
        expect(await gateway.record()).toMatchObject(recorded);
        expect(gateway.inFlight).toBe(0);
      },
    );
});

describe('a whole answer that is none becomes an error of the dialect', () => {
  test.each(byPath(TRANSLATED))('%s', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.post(client.path, client.ask('m'));
    (await neuron.exchange()).json({ ok: true });

    const response = await answer;
    expect(response.status).toBe(502);
    expect(toObject(await response.json())).toMatchObject(
      client.refusal({ ...CUT_OFF, code: 'node_protocol_error' }),
    );
    expect(await gateway.record()).toMatchObject({ status: 502, code: 'node_protocol_error' });
    expect(gateway.inFlight).toBe(0);
  });
});

describe('a request that cannot be answered reaches no node', () => {
  const NOT_FOUND = {
    status: 404,
    code: 'model_not_found',
    message: expect.stringContaining('nobody-has-it'),
    type: 'not_found_error',
  };

  test.each(byPath(CLIENTS))('%s for an unknown model gets 404', async (_, client) => {
    const { neuron, gateway } = await setUp();

    const response = await gateway.post(client.path, client.ask('nobody-has-it', { stream: true }));

    expect(response.status).toBe(404);
    expect(toObject(await response.json())).toMatchObject(client.refusal(NOT_FOUND));
    expect(await gateway.record()).toMatchObject({ api: client.api, outcome: 'not_found' });
    expect(neuron.count('/v1/chat/completions')).toBe(0);
  });

  test.each(byPath(CLIENTS))('%s with a body that is not JSON gets 400', async (_, client) => {
    const { gateway } = await setUp();

    const response = await gateway.post(client.path, '{"model":"m",');

    expect(response.status).toBe(400);
    expect(toObject(await response.json())).toMatchObject(
      client.refusal({
        status: 400,
        code: 'malformed_json',
        message: expect.stringContaining('JSON'),
        type: 'invalid_request_error',
      }),
    );
    expect(await gateway.record()).toMatchObject({ api: client.api, outcome: 'client_error' });
  });

  const WRONG = {
    '/v1/messages': [{ messages: 'hi' }, 'messages'],
    '/v1/responses': [{ input: 7 }, 'input'],
    '/api/chat': [{ messages: 'hi' }, 'messages'],
    '/api/generate': [{ prompt: 7 }, 'prompt'],
  } as const;

  test.each(byPath(TRANSLATED))(
    '%s with a wrong field gets 400 that names it',
    async (_, client) => {
      const { neuron, gateway } = await setUp();
      const [wrong, field] =
        Object.entries(WRONG).find(([path]) => path === client.path)?.[1] ?? [];

      const response = await gateway.post(client.path, client.ask('m', wrong));

      expect(response.status).toBe(400);
      expect(response.headers.get('x-should-retry')).toBe('false');
      expect(toObject(await response.json())).toMatchObject(
        client.refusal({
          status: 400,
          code: 'invalid_request',
          message: expect.stringContaining(field ?? '?'),
          type: 'invalid_request_error',
        }),
      );
      expect(neuron.count('/v1/chat/completions')).toBe(0);
    },
  );
});

describe('wrong methods and paths are refused in the envelope of the dialect', () => {
  test.each([
    ['GET', '/v1/messages', 405, { type: 'error', error: { type: 'invalid_request_error' } }],
    ['GET', '/v1/messages/count_tokens', 405, { type: 'error' }],
    ['GET', '/v1/responses', 405, { error: { code: 'invalid_request' } }],
    ['GET', '/api/chat', 405, { error: expect.stringContaining('use POST') }],
    ['POST', '/api/tags', 405, { error: expect.stringContaining('use GET') }],
    ['POST', '/api/pull', 404, { error: expect.stringContaining('/api/pull') }],
    ['GET', '/v1/responses/resp_1', 404, { error: { code: 'invalid_request' } }],
    ['POST', '/api/v0/nope', 404, { error: { code: 'invalid_request' } }],
  ] as const)('%s %s gets %d', async (method, path, status, body) => {
    const { gateway } = await setUp();

    const response = await gateway.get(path, { method });

    expect(response.status).toBe(status);
    expect(response.headers.has('allow')).toBe(status === 405);
    expect(toObject(await response.json())).toMatchObject(body);
  });
});

test('the next request of a dialect is answered after one that failed', async () => {
  const { neuron, gateway } = await setUp();
  const [client] = TRANSLATED;
  const failed = gateway.post(client.path, client.ask('m'));
  (await neuron.exchange()).fail(FULL);
  await failed;

  const answer = gateway.post(client.path, client.ask('m'));
  (await neuron.exchange(2)).json(chatAnswer('hello'));

  expect((await answer).status).toBe(200);
});
