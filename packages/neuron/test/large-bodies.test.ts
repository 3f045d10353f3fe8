/**
 * One large body beside a running stream: it is refused by name, or sent on, and never parsed in the daemon. `bench:node`
 * measures how long it holds up the stream.
 */
import { FAKE_LLAMA_SERVER } from '@cortex/testkit';
import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test';

import { readUntil, TestNeuron } from './test-neuron.ts';

const user = (content: string) => ({ role: 'user', content });
const tool = (_: unknown, index: number) => ({
  type: 'function',
  function: { name: `tool_${index}`, parameters: { type: 'object' } },
});

/** Longest text that may be parsed: that takes a few milliseconds. */
const MOST_PARSED = 1 << 20;

describe('a large body during a running stream', () => {
  let neuron: TestNeuron;
  beforeAll(async () => {
    neuron = await TestNeuron.start();
    await neuron.load({ context_length: 2048, slots: 2 });
  });
  afterAll(() => neuron[Symbol.asyncDispose]());

  test.each([
    [
      '40 MB of text',
      { messages: [user('lorem ipsum '.repeat(3_500_000))] },
      'messages',
      'maximum context length',
    ],
    [
      '40 MB in a thousand messages',
      { messages: Array.from({ length: 1000 }, () => user('lorem ipsum '.repeat(3500))) },
      'messages',
      'maximum context length',
    ],
    [
      '900 kB of text',
      { messages: [user('lorem ipsum '.repeat(75_000))] },
      'messages',
      'maximum context length',
    ],
    [
      '9,000 tools',
      { messages: [user('x')], tools: Array.from({ length: 9000 }, tool) },
      'tools',
      'at most 512',
    ],
    [
      '10,000 messages',
      { messages: Array.from({ length: 10_000 }, () => user('x')) },
      'messages',
      'maximum context length',
    ],
  ])('of %s is refused with the name of the member', async (_, fields, param, words) => {
    const body = JSON.stringify({ model: 'tiny', ...fields });
    const longest = await longestParsed(neuron, async () => {
      const answer = await neuron.post('/v1/chat/completions', body);
      const { error } = await answer.json();

      expect(answer.status).toBe(400);
      expect(error.param).toBe(param);
      expect(error.message).toContain(words);
    });

    expect(longest).toBeLessThan(MOST_PARSED);
  });

  test('of a screenshot is refused because the model has no vision, not because of its length', async () => {
    const url = `data:image/png;base64,${'iVBORw0KGgo'.repeat(300_000)}`;
    const answer = await neuron.post(
      '/v1/chat/completions',
      JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
      }),
    );

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.code).toBe('vision_unsupported');
  });

  test('of text that mentions an image part is refused because of its length', async () => {
    const answer = await neuron.post(
      '/v1/chat/completions',
      JSON.stringify({ model: 'tiny', messages: [user('{"image_url": 1} '.repeat(200_000))] }),
    );

    expect((await answer.json()).error.code).toBe('context_length_exceeded');
  });

  test.each([
    ['at the start', (rest: object) => ({ model: 'tiny', ...rest })],
    ['at the end', (rest: object) => ({ ...rest, model: 'tiny' })],
  ])('that is not kept is judged by the model that it names %s', async (_, make) => {
    const rest = { messages: [user('"model": "other" '.repeat(300_000))] };
    const answer = await neuron.post('/v1/chat/completions', JSON.stringify(make(rest)));

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.code).toBe('context_length_exceeded');
  });

  test('that names an unknown model or none is refused with 404 and 413', async () => {
    const rest = { messages: [user('x'.repeat(5 << 20))] };
    const ask = (body: object) => neuron.post('/v1/chat/completions', JSON.stringify(body));
    const unknown = await ask({ model: 'nobody', ...rest });
    const nameless = await ask(rest);

    expect([unknown.status, nameless.status]).toEqual([404, 413]);
    expect((await nameless.json()).error.message).toContain('reads at most');
  });

  test('of texts to embed is refused with 413 above 16 MiB', async () => {
    const input = Array.from({ length: 17 }, () => 'x'.repeat(1 << 20));
    const answer = await neuron.post('/v1/embeddings', JSON.stringify({ input }));

    expect(answer.status).toBe(413);
  });

  test('of unknown length is counted while it arrives, and refused by name', async () => {
    const body = JSON.stringify({ model: 'tiny', messages: [user('lorem '.repeat(1 << 20))] });
    const answer = await fetch(`${neuron.url}/v1/chat/completions`, {
      method: 'POST',
      body: new Blob([body]).stream(),
      headers: { 'content-type': 'application/json' },
    });

    expect((await answer.json()).error.code).toBe('context_length_exceeded');
  });

  test('is refused with the name of the member on /count-tokens', async () => {
    const body = JSON.stringify({
      model: 'tiny',
      messages: [user('lorem ipsum '.repeat(3_500_000))],
    });
    const longest = await longestParsed(neuron, async () => {
      const answer = await neuron.post('/count-tokens', body);

      expect((await answer.json()).error.code).toBe('context_length_exceeded');
    });

    expect(longest).toBeLessThan(MOST_PARSED);
  });
});

describe('a large body for a model of an external server', () => {
  const server = (name: string) => ({
    name,
    kind: 'llamacpp',
    command: [process.execPath, FAKE_LLAMA_SERVER, '--port', '${port}'],
  });
  let neuron: TestNeuron;
  beforeAll(async () => {
    neuron = await TestNeuron.start({ flags: { harnesses: [server('large'), server('small')] } });
    const params = { chat_template_kwargs: { a: 1 }, temperature: 0.5 };
    await neuron.load({ model_id: 'tiny', harness: 'small', upstream_model: 'fake' });
    await neuron.load({ model_id: 'large', harness: 'large', upstream_model: 'fake', params });
  });
  afterAll(() => neuron[Symbol.asyncDispose]());

  test.each([
    ['60 MB of short messages', { messages: Array.from({ length: 1_700_000 }, () => user('x')) }],
    ['60 MB of images', { messages: [user('x'.repeat(60 << 20))] }],
  ])('of %s is sent on without being parsed', async (_, fields) => {
    const body = new TextEncoder().encode(JSON.stringify({ model: 'large', ...fields }));
    const longest = await longestParsed(neuron, async () => {
      const answer = await fetch(`${neuron.url}/v1/chat/completions`, { method: 'POST', body });

      expect(await answer.text()).toMatch(/"object":"chat.completion"|maximum context length/);
    });

    expect(longest).toBeLessThan(MOST_PARSED);
  });
});

/** The length of the longest text that this process parses during `work`, beside a stream that goes on until after it. */
async function longestParsed(neuron: TestNeuron, work: () => Promise<void>): Promise<number> {
  const leave = new AbortController();
  const stream = await neuron.chat(
    { stream: true, ignore_eos: true, max_tokens: 1900 },
    { signal: leave.signal },
  );
  const { reader } = await readUntil(stream, '"content":"');
  using parse = spyOn(JSON, 'parse');
  await work();
  const lengths = parse.mock.calls.map(([{ length }]) => length);
  expect((await reader.read()).done).toBeFalse();
  leave.abort();
  return Math.max(0, ...lengths);
}
