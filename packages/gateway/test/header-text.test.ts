import { afterEach, describe, expect, test } from 'bun:test';

import { type FakeExchange, FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';
import { RawNode } from './raw-node.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start(node: { readonly url: string; close(): Promise<void> }) {
  open.push(node);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: node } });
  open.push(gateway);
  return gateway;
}

describe('the model name in the headers of an answer', () => {
  for (const name of ['模型', 'my model', 'a\r\nset-cookie: b', '50%', '😀/ü:é', 'a"b\\c']) {
    for (const isStream of [false, true]) {
      test(`is percent-encoded: ${JSON.stringify(name)}, ${isStream ? 'streamed' : 'whole'}`, async () => {
        const answer = (exchange: FakeExchange): void =>
          isStream ? exchange.stream().token('a').finish() : exchange.json({ ok: true });
        const gateway = await start(new FakeNeuron({ models: [{ id: name }], answer }));

        const response = await gateway.chat({ model: name, stream: isStream });
        const text = await response.text();

        expect(response.status).toBe(200);
        expect(text).toContain(isStream ? '[DONE]' : '"ok":true');
        expect(decodeURIComponent(response.headers.get('x-cortex-model') ?? '')).toBe(name);
        expect(response.headers.get('x-cortex-model')).toMatch(/^[\x21-\x7e]+$/);
        expect(await gateway.record()).toMatchObject({ outcome: 'ok', status: 200, model: name });
      });
    }
  }

  test('is percent-encoded when the node refuses', async () => {
    const gateway = await start(
      new FakeNeuron({
        models: [{ id: '模型' }],
        answer: (exchange) => exchange.fail({ status: 400, code: 'invalid_request', message: 'x' }),
      }),
    );

    const response = await gateway.chat({ model: '模型' });

    expect(response.status).toBe(400);
    expect(response.headers.get('x-cortex-model')).toBe('%E6%A8%A1%E5%9E%8B');
  });
});

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const BODY = 'content-length: 2\r\n\r\n{}';

describe('an answer of a node that cannot be relayed', () => {
  const answers = {
    'a status above 599': `HTTP/1.1 600 Odd\r\n${BODY}`,
    'a status below 100': `HTTP/1.1 042 Odd\r\n${BODY}`,
    'another protocol': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n',
    'a NUL in a header': `${HEAD}x-odd: a\0b\r\n${BODY}`,
    'a line feed in a header': `${HEAD}x-odd: a\nset-cookie: b\r\n${BODY}`,
    'a carriage return in a header': `${HEAD}x-odd: a\rb\r\n${BODY}`,
    'a space in the name of a header': `${HEAD}x odd: a\r\n${BODY}`,
    'a header without a name': `${HEAD}: a\r\n${BODY}`,
    'a redirect to another server': `HTTP/1.1 307 Temporary Redirect\r\nlocation: http://evil.example/\r\n${BODY}`,
    'a choice of other servers': `HTTP/1.1 300 Multiple Choices\r\n${BODY}`,
  };
  for (const [what, answer] of Object.entries(answers)) {
    for (const stream of [false, true]) {
      test(`becomes a 502 with the name of the node, also in the record: ${what}, ${stream ? 'streamed' : 'whole'}`, async () => {
        const gateway = await start(new RawNode(() => answer));

        const response = await gateway.chat({ model: 'm', stream });

        expect(response.status).toBe(502);
        expect(toObject(await response.json())['error']).toMatchObject({
          code: 'node_protocol_error',
          message: expect.stringContaining('beast'),
        });
        expect(await gateway.record()).toMatchObject({
          status: 502,
          outcome: 'upstream_error',
          code: 'node_protocol_error',
          completion_tokens: 0,
        });
        expect(gateway.inFlight).toBe(0);
      });
    }
  }
});

describe('an unusual but valid answer of a node', () => {
  const answers: Readonly<Record<string, readonly [string, number, string]>> = {
    'a 599': [`HTTP/1.1 599 Odd\r\n${BODY}`, 599, '{}'],
    'an interim answer before it': [
      `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${HEAD}${BODY}`,
      200,
      '{}',
    ],
    'repeated headers': [`${HEAD}x-odd: a\r\nX-Odd: b\r\n${BODY}`, 200, '{}'],
    'headers named like members of an object': [
      `${HEAD}constructor: a\r\n__proto__: b\r\n${BODY}`,
      200,
      '{}',
    ],
    'bytes beyond ASCII in a header': [`${HEAD}x-odd: caf\xe9\r\n${BODY}`, 200, '{}'],
    'an empty header': [`${HEAD}x-odd:\r\n${BODY}`, 200, '{}'],
  };
  for (const [what, [answer, status, body]] of Object.entries(answers)) {
    test(`is relayed and recorded with its status: ${what}`, async () => {
      const gateway = await start(new RawNode(() => answer));

      const response = await gateway.chat({ model: 'm' });

      expect(response.status).toBe(status);
      expect(await response.text()).toBe(body);
      expect(await gateway.record()).toMatchObject({ status });
    });
  }

  test('reaches the client without headers about the address, credentials and web pages of the node', async () => {
    const own = [
      'Alt-Svc: h2="evil.example:443"',
      'WWW-Authenticate: Basic',
      'Access-Control-Allow-Origin: *',
      'Access-Control-Allow-Credentials: true',
      'Strict-Transport-Security: max-age=9',
      'Location: http://evil.example/',
      'Set-Cookie: a=b',
    ];
    const gateway = await start(new RawNode(() => `${HEAD}${own.join('\r\n')}\r\n${BODY}`));

    const { headers } = await gateway.chat({ model: 'm' });

    for (const line of own) expect(headers.has(line.slice(0, line.indexOf(':')))).toBe(false);
  });

  test('reaches the client with the same bytes in its headers', async () => {
    const gateway = await start(new RawNode(() => `${HEAD}x-odd: caf\xe9\r\n${BODY}`));

    const { headers } = await gateway.chat({ model: 'm' });

    expect(headers.get('x-odd')).toBe('caf\xe9');
  });
});
