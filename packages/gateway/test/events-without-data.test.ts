import { afterEach, expect, test } from 'bun:test';

import { type FakeExchange, FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, readParts } from './gateway-under-test.ts';

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

/** A strict decoder: every blank line ends an event, and every event has JSON or [DONE] as data. */
function decodeStrictly(text: string): readonly unknown[] {
  const events: unknown[] = [];
  let data = '';
  for (const line of text.split(/\r?\n/).slice(0, -1)) {
    if (line.startsWith('data:')) data += line.slice('data:'.length).trimStart();
    if (line !== '') continue;
    events.push(data === '[DONE]' ? data : JSON.parse(data));
    data = '';
  }
  return events;
}

const CHUNK = { choices: [{ index: 0, delta: { content: 'a' } }] };
const CHUNK_TEXT = `data: ${JSON.stringify(CHUNK)}\n\n`;
const USAGE = '{"prompt_tokens":5,"completion_tokens":1}';

const STREAMS: Readonly<Record<string, readonly string[]>> = {
  'comments with a blank line of their own': [
    ': keep-alive\n\n',
    CHUNK_TEXT,
    `: keep-alive\n\n: usage ${USAGE}\n\ndata: [DONE]\n\n`,
  ],
  'comments on one line each': [
    ': keep-alive\n',
    CHUNK_TEXT,
    `: keep-alive\n: usage ${USAGE}\ndata: [DONE]\n\n`,
  ],
  'CRLF line ends': [
    ': keep-alive\r\n\r\n',
    CHUNK_TEXT.replaceAll('\n', '\r\n'),
    `: usage ${USAGE}\r\n\r\ndata: [DONE]\r\n\r\n`,
  ],
  'pings, retry times and ids without data': [
    'event: ping\n\nretry: 3000\n\n',
    `id: 1\n\n\n\n${CHUNK_TEXT}`,
    `data:\n\n: usage ${USAGE}\ndata: [DONE]\n\n`,
  ],
};

for (const [what, writes] of Object.entries(STREAMS)) {
  test(`a stream with ${what} is relayed without events that have no data`, async () => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange: FakeExchange = (await neuron.exchange()).stream();
    for (const write of writes) exchange.raw(write);
    exchange.end();
    const text = await (await answer).text();

    expect(decodeStrictly(text)).toEqual([CHUNK, '[DONE]']);
    expect(text).not.toContain('usage');
    expect(await gateway.record()).toMatchObject({ outcome: 'ok', prompt_tokens: 5 });
  });
}

test('keep-alive comments of the gateway and the usage comment of the node are not events', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  const parts = readParts(await answer);
  let text = (await parts.next()).value ?? '';
  exchange.stream().event(CHUNK).finish();
  for await (const part of parts) text += part;

  expect(text).toStartWith(': keep-alive\n');
  expect(decodeStrictly(text)).toEqual([CHUNK, '[DONE]']);
});

test('a late error of a waiting stream is an event with data, and so is [DONE]', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  const parts = readParts(await answer);
  let text = (await parts.next()).value ?? '';
  exchange.fail({ status: 503, code: 'queue_full', message: 'the queue is full' });
  for await (const part of parts) text += part;

  expect(decodeStrictly(text)).toEqual([
    { error: expect.objectContaining({ code: 'queue_full', status: 503 }) },
    '[DONE]',
  ]);
});
