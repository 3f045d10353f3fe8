import { expect, test } from 'bun:test';

import { type Afterwards, untilClosed } from '@cortex/testkit';

import { scriptedEngine, TestNeuron } from './test-neuron.ts';

const AFTERWARDS: readonly Afterwards[] = ['nothing', 'incomplete head', 'incomplete body'];
const post = (path: string, body: object) => ({
  method: 'POST' as const,
  path,
  body: JSON.stringify(body),
});
const chat = (body: object) =>
  post('/v1/chat/completions', {
    model: 'tiny',
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: 4,
    ...body,
  });
const FIRST = {
  'a chat answer': [200, chat({})],
  'a stream': [200, chat({ stream: true })],
  'an unknown model': [404, chat({ model: 'nobody' })],
  'an invalid body': [400, chat({ stream: 'yes' })],
  'tokenized text': [200, post('/tokenize', { model: 'tiny', content: 'a' })],
  'a load that was waited for': [200, post('/models/load?wait=true', { model_id: 'tiny' })],
  'an unknown route': [404, post('/nowhere', {})],
  'the health page': [200, { method: 'GET', path: '/health', body: '' }],
} as const;

// All at once: the runtime looks for idle connections every four seconds.
test('neuron closes a connection that sends nothing, half a head or half a body after its first request', async () => {
  await using neuron = await TestNeuron.start({
    parts: { startEngine: scriptedEngine(), idleLimitS: 1 },
  });
  await neuron.load();

  const closed = await Promise.all(
    Object.entries(FIRST).flatMap(([name, [, first]]) =>
      AFTERWARDS.map(async (afterwards) => [
        `${name}, then ${afterwards}`,
        await untilClosed(neuron.url, first, afterwards),
      ]),
    ),
  );

  expect(Object.fromEntries(closed)).toEqual(
    Object.fromEntries(
      Object.entries(FIRST).flatMap(([name, [status]]) =>
        AFTERWARDS.map((afterwards) => [`${name}, then ${afterwards}`, status]),
      ),
    ),
  );
}, 20_000);
