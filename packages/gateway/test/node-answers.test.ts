/** Answers of a node that a client must not get as they are: the gateway answers with an error that names the node. */
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { dataOf, GatewayUnderTest, toObject } from './gateway-under-test.ts';
import { RawNode } from './raw-node.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const TOKEN = `[auth]\nnode_token_file = "${import.meta.dir}/__fixtures__/node-token"\n`;

async function start(
  neuron: Pick<FakeNeuron, 'url' | 'close'>,
  setup: Parameters<typeof GatewayUnderTest.start>[0] = {},
) {
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, ...setup });
  open.push(gateway);
  return gateway;
}

const errorOf = async (response: Promise<Response>) =>
  toObject(toObject(await (await response).json())['error']);

describe('a node that refuses the node token', () => {
  const refused = { status: 401, code: 'invalid_api_key', message: 'wrong node token' };

  test.each(['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/tokenize'])(
    'is a 502 on %s that names the node and the key to change',
    async (path) => {
      const neuron = new FakeNeuron({ models: [{ id: 'm' }], token: 'fleet' });
      const gateway = await start(neuron, { toml: TOKEN });
      neuron.failPath(path, refused);

      const response = await gateway.post(path, { model: 'm', stream: true });

      expect(response.status).toBe(502);
      expect(response.headers.has('x-should-retry')).toBe(false);
      const error = toObject(toObject(await response.json())['error']);
      expect(error).toMatchObject({ code: 'node_protocol_error', type: 'server_error' });
      expect(error['message']).toMatch(
        /^Node beast refused the node token \(status 401\).*auth\.node_token_file/,
      );
      expect(await gateway.record()).toMatchObject({
        outcome: 'upstream_error',
        code: 'node_protocol_error',
        attempts: 1,
      });
    },
  );

  test('is named in an error event when the stream has been committed', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const gateway = await start(neuron);

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await neuron.exchange();
    const response = await answer;
    exchange.fail(refused);

    expect(response.status).toBe(200);
    expect(dataOf(await response.text()).at(-2)).toMatchObject({
      error: {
        code: 'node_protocol_error',
        status: 502,
        message: expect.stringContaining('Node beast requires a node token, but none is set'),
      },
    });
  });

  test.each([403, 407])('or answers %d is not blamed on the key of the client', async (status) => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const gateway = await start(neuron);
    neuron.failPath('/v1/chat/completions', { ...refused, status });

    expect(await errorOf(gateway.chat({ model: 'm' }))).toMatchObject({
      code: 'node_protocol_error',
      message: expect.stringContaining(`Node beast refused the call (status ${status})`),
    });
  });

  test('is shown with the key to change to operators, and to clients whose model may be there', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }], token: 'another' });
    const gateway = await start(neuron, { toml: TOKEN });

    const nodes = toObject(await (await gateway.admin('/nodes')).json());
    const load = await gateway.admin('/models/load', { model: 'm', node: 'beast' });

    expect(nodes['nodes']).toMatchObject([
      { name: 'beast', error: expect.stringContaining('auth.node_token_file') },
    ]);
    expect(load.status).toBe(503);
    expect(await errorOf(gateway.chat({ model: 'm' }))).toMatchObject({
      code: 'no_healthy_node',
      message: expect.stringContaining('Node beast refused the node token'),
    });
  });

  test('at a call of the operator does not look like a wrong admin key', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const gateway = await start(neuron);
    neuron.failPath('/models/unload', refused);

    const response = await gateway.admin('/models/unload', { model: 'm' });

    expect(response.status).toBe(502);
    expect(await errorOf(Promise.resolve(response))).toMatchObject({
      code: 'node_protocol_error',
      message: expect.stringContaining('Node beast requires a node token, but none is set'),
    });
  });
});

describe('an answer without a body', () => {
  const EMPTY = {
    'with status 204': 'HTTP/1.1 204 No Content\r\n\r\n',
    'with status 205': 'HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n',
    'with status 304': 'HTTP/1.1 304 Not Modified\r\n\r\n',
    'with status 304 and the length of another answer':
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n',
    'with Content-Length 0':
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n',
    'without a chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'with status 202': 'HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n',
  } as const;
  for (const [how, text] of Object.entries(EMPTY)) {
    for (const stream of [false, true]) {
      test(`${how} is a 502 that names the node${stream ? ', for a stream too' : ''}`, async () => {
        const gateway = await start(new RawNode(() => text));

        const response = await gateway.chat({ model: 'm', stream });

        expect(response.status).toBe(502);
        expect(await errorOf(Promise.resolve(response))).toMatchObject({
          code: 'node_protocol_error',
          message: expect.stringMatching(/^Node beast answered with status \d+/),
        });
        expect(await gateway.record()).toMatchObject({ outcome: 'upstream_error', status: 502 });
        expect(gateway.inFlight).toBe(0);
      });
    }
  }

  test('that ends when the node closes the connection is a 502 that names the node', async () => {
    const gateway = await start(
      new RawNode(({ socket }) => {
        socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n');
        return undefined;
      }),
    );

    expect(await errorOf(gateway.chat({ model: 'm' }))).toMatchObject({
      code: 'node_protocol_error',
      message: 'Node beast answered with status 200 and an empty body.',
    });
  });
});

describe('an answer in another form than the request asked for', () => {
  test('is a 502 if it is not a stream although the request asked for one', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const gateway = await start(neuron);

    const answer = gateway.chat({ model: 'm', stream: true });
    (await neuron.exchange()).json({ ok: true });

    expect(await errorOf(answer)).toMatchObject({
      code: 'node_protocol_error',
      message: 'Node beast answered with status 200 instead of a stream.',
    });
  });

  test('is a 502 if it is a stream although the request did not ask for one', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const gateway = await start(neuron);

    const answer = gateway.chat({ model: 'm' });
    const exchange = await neuron.exchange();
    exchange.stream().token('a');

    expect(await errorOf(answer)).toMatchObject({
      code: 'node_protocol_error',
      message: 'Node beast answered with a stream, which the request did not ask for.',
    });
    await exchange.left;
    expect(gateway.inFlight).toBe(0);
  });

  test('is relayed whole on a route without streamed answers', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const gateway = await start(neuron);

    const answer = gateway.post('/v1/audio/speech', { model: 'm', input: 'x', stream: true });
    const exchange = await neuron.exchange();
    exchange.stream().raw('data: {"audio":"AA=="}\n\n');
    exchange.end();

    const response = await answer;
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(await response.text()).toBe('data: {"audio":"AA=="}\n\n');
  });

  test('is relayed as a stream whatever the case of its headers', async () => {
    const gateway = await start(
      new RawNode(
        () =>
          'HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream;charset=utf-8\r\nContent-Encoding: Identity\r\ncontent-length: 29\r\n\r\ndata: {"a":1}\n\ndata: [DONE]\n\n',
      ),
    );

    const response = await gateway.chat({ model: 'm', stream: true });

    expect(response.status).toBe(200);
    expect(dataOf(await response.text())).toEqual([{ a: 1 }, '[DONE]']);
  });
});

test('a web page instead of an answer is a 502 that names the node, but an error page is relayed', async () => {
  const page = (status: string) =>
    `HTTP/1.1 ${status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: 6\r\n\r\n<html>`;
  const answers = [page('200 OK'), page('502 Bad Gateway')];
  const gateway = await start(new RawNode(() => answers.shift()));

  expect(await errorOf(gateway.chat({ model: 'm' }))).toMatchObject({
    code: 'node_protocol_error',
    message:
      'Node beast answered with status 200 and a web page: check its endpoint in cortex.toml.',
  });
  expect(await (await gateway.chat({ model: 'm' })).text()).toBe('<html>');
});

test.each([
  ['7', '7'],
  ['120', '60'],
  ['2.5', '3'],
  ['0', '1'],
  [new Date(Date.now() + 3_600_000).toUTCString(), '60'],
  ['soon', '1'],
])(
  'Retry-After %j of a node reaches the client as seconds from 1 to 60: %s',
  async (given, sent) => {
    const body = '{"error":{"code":"queue_full", "message":"x"}}';
    const head = `HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: ${given}\r\n`;
    const gateway = await start(
      new RawNode(() => `${head}content-length: ${body.length}\r\n\r\n${body}`),
    );

    const response = await gateway.chat({ model: 'm' });

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe(sent);
    expect(await response.text()).toBe(body);
  },
);

test('model_not_loaded of a node never reaches a client, also if the node may have done work', async () => {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  const gateway = await start(neuron);

  const answer = gateway.chat({ model: 'm' });
  (await neuron.exchange()).fail({ status: 404, code: 'model_not_loaded', message: 'x' });

  const response = await answer;
  expect(response.status).toBe(503);
  expect(response.headers.has('retry-after')).toBe(true);
  expect(await errorOf(Promise.resolve(response))).toMatchObject({
    code: 'no_capacity',
    message: 'Node beast no longer has m loaded.',
  });
});

test('a stream that lacks only the blank line after [DONE] is complete', async () => {
  const gateway = await start(
    new RawNode(({ socket }) => {
      socket.end(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {"a":1}\n\ndata: [DONE]',
      );
      return undefined;
    }),
  );

  const text = await (await gateway.chat({ model: 'm', stream: true })).text();

  expect(text).toBe('data: {"a":1}\n\ndata: [DONE]\n\n');
  expect(await gateway.record()).toMatchObject({ outcome: 'ok', status: 200 });
});

test('a stream of a node with CR line ends is relayed event by event, and counted', async () => {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  const gateway = await start(neuron);
  const chunk = (content: string) => `data: {"choices":[{"delta":{"content":"${content}"}}]}\r\r`;

  const answer = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  exchange.stream().raw(chunk('a'));
  const reader = (await answer).body?.pipeThrough(new TextDecoderStream()).getReader();
  const first = (await reader?.read())?.value;
  exchange
    .raw(chunk('b'))
    .raw(': usage {"prompt_tokens":3,"completion_tokens":2}\rdata: [DONE]\r\r');
  exchange.end();
  let rest = '';
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
    rest += part.value;

  expect(first).toBe(chunk('a').replaceAll('\r', '\n'));
  expect(rest).toBe(`${chunk('b').replaceAll('\r', '\n')}data: [DONE]\n\n`);
  expect(await gateway.record()).toMatchObject({
    outcome: 'ok',
    prompt_tokens: 3,
    completion_tokens: 2,
    estimated: false,
  });
});
