/** Bodies with unusual bytes: what the node gets, or an error that says what is wrong. */
import { afterEach, describe, expect, test } from 'bun:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(modelsToml = '') {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, modelsToml });
  open.push(gateway);
  return { neuron, gateway };
}

const BODY = '{"model":"m","messages":[{"role":"user","content":"What is cortex?"}]}';

function send(gateway: GatewayUnderTest, body: BodyInit, encoding?: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      ...(encoding !== undefined && { 'content-encoding': encoding }),
    },
  });
}

const errorOf = async (response: Promise<Response>) =>
  toObject(toObject(await (await response).json())['error']);

describe('a body with a byte order mark', () => {
  test.each([
    ['\uFEFF{"model":"m"}', '\uFEFF{"model":"m"}'],
    ['\uFEFF{"model":"alias"}', '\uFEFF{"model":"m"}'],
    ['\uFEFF {"messages":[]}', '\uFEFF {"model":"m","messages":[]}'],
  ])('reaches the node with the mark: %j', async (body, sent) => {
    const { neuron, gateway } = await setUp('[aliases]\nalias = "m"\n');

    const answer = send(gateway, body);
    const exchange = await neuron.exchange();
    exchange.json({ ok: true });

    expect([...exchange.bytes]).toEqual([...new TextEncoder().encode(sent)]);
    expect((await answer).status).toBe(200);
  });
});

describe.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const)('a body in %s', (encoding, compress) => {
  test('is refused with the name of the encoding when it is cut off', async () => {
    const { neuron, gateway } = await setUp();
    const whole = compress(BODY);

    for (const length of [whole.length - 1, Math.floor(whole.length / 2), 3]) {
      expect(await errorOf(send(gateway, whole.subarray(0, length), encoding))).toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining(`is not valid ${encoding}`),
      });
    }
    expect(neuron.count('/v1/chat/completions')).toBe(0);
  });

  test('is refused with the name of the encoding when it contains something else than JSON', async () => {
    const { gateway } = await setUp();

    expect(await errorOf(send(gateway, compress(BODY.slice(0, -1)), encoding))).toMatchObject({
      code: 'malformed_json',
      message: `The body is not valid JSON: it ends at byte ${BODY.length - 1}, expected "," or the closing bracket. The body was decompressed from ${encoding}.`,
    });
  });

  test('is named as the encoding of a body that is not compressed at all', async () => {
    const { gateway } = await setUp();

    expect(await errorOf(send(gateway, BODY, encoding))).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(`is not valid ${encoding}`),
    });
  });
});
