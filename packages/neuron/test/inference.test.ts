import { cpSync } from 'node:fs';

import { ChatCompletion, ErrorEnvelope, NeuronUsage, parseUsage } from '@cortex/protocol';
import { createGate } from '@cortex/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { readUntil, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

describe('neuron with the real engine', () => {
  let neuron: TestNeuron;
  beforeAll(async () => {
    neuron = await TestNeuron.start({ flags: { 'admission.max_queue_depth': 64 } });
    await neuron.load();
  });
  afterAll(() => neuron[Symbol.asyncDispose]());

  test('sends an answer in the format of OpenAI, with its usage for cortex', async () => {
    const answer = await neuron.chat({ max_tokens: 8, temperature: 0 });

    const body = ChatCompletion.parse(await answer.json());
    const usage = NeuronUsage.parse(JSON.parse(answer.headers.get('x-neuron-usage') ?? ''));
    expect(body.id).toStartWith('chatcmpl-');
    expect(body.model).toBe('tiny');
    expect(body.usage?.prompt_tokens).toBe(usage.prompt_tokens);
    expect(answer.headers.get('x-neuron-prompt-tokens')).toBe(String(usage.prompt_tokens));
    expect(usage).toMatchObject({
      estimated: false,
      completion_tokens: body.usage?.completion_tokens ?? -1,
    });
  });

  test('generates the same text streamed and not streamed at temperature 0', async () => {
    const ask = { max_tokens: 24, temperature: 0 };
    const whole = ChatCompletion.parse(await (await neuron.chat(ask)).json());

    const text = await (await neuron.chat({ ...ask, stream: true })).text();

    const deltas = text
      .split('\n')
      .filter((event) => event.startsWith('data: {'))
      .map((event) => JSON.parse(event.slice(6)).choices[0].delta);
    const join = (member: string) => deltas.map((delta) => delta[member] ?? '').join('');
    const { message } = whole.choices[0] ?? {};
    expect(join('content')).toBe(message?.content ?? '');
    expect(join('reasoning_content')).toBe(message?.reasoning_content ?? '');
    const [, comment = ''] = /^: usage (.*)$/m.exec(text) ?? [];
    expect(parseUsage(comment)?.completion_tokens).toBe(whole.usage?.completion_tokens ?? -1);
    expect(text).toMatch(/\n\n: usage \{.*\}\ndata: \[DONE\]\n\n$/);
  });

  test('starts a stream with the role chunk', async () => {
    const answer = await neuron.chat({ max_tokens: 8, stream: true });

    expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
    expect(answer.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    const [first] = (await answer.text()).split('\n\n');
    expect(first).toContain('"delta":{"role":"assistant","content":""}');
  });

  test('sends the first token while the engine still generates', async () => {
    const answer = await neuron.chat({ max_tokens: 2000, ignore_eos: true, stream: true });

    const { reader } = await readUntil(answer, '"finish_reason":null}]}\n\ndata: {');

    expect(await neuron.seatsTaken()).toBe(1);
    await reader.cancel();
    await until(async () => (await neuron.seatsTaken()) === 0);
  });

  test('streams a completion after a comment', async () => {
    const answer = await neuron.post('/v1/completions', {
      model: 'tiny',
      prompt: 'cortex is',
      max_tokens: 4,
      stream: true,
    });

    const text = await answer.text();
    expect(text).toStartWith(': ');
    expect(text).toContain('"object":"text_completion"');
    expect(text).toEndWith('data: [DONE]\n\n');
  });

  test('refuses a prompt that can never fit at once, with the context length', async () => {
    const { limit } = await neuron.model();
    const answer = await neuron.chat({
      messages: [{ role: 'user', content: 'word '.repeat(20_000) }],
      stream: true,
    });

    const { error } = ErrorEnvelope.parse(await answer.json());
    expect(answer.status).toBe(400);
    expect(error.code).toBe('context_length_exceeded');
    expect(error.message).toContain(`maximum context length is ${limit?.context} tokens`);
    expect(await neuron.seatsTaken()).toBe(0);
  });

  test('finishes thirty concurrent streams with an answer', async () => {
    const streams = await Promise.all(
      Array.from({ length: 30 }, () => neuron.chat({ stream: true, max_tokens: 8 })),
    );

    const texts = await Promise.all(streams.map((stream) => stream.text()));

    for (const text of texts) {
      expect(text).toContain('"finish_reason":"');
      expect(text).toEndWith('data: [DONE]\n\n');
    }
    expect(await neuron.seatsTaken()).toBe(0);
  });

  test('answers GET requests in under 50 ms while inference saturates the host', async () => {
    const streams = await Promise.all(
      Array.from({ length: 8 }, () =>
        neuron.chat({ stream: true, max_tokens: 300, ignore_eos: true }),
      ),
    );
    const drained = Promise.all(streams.map((stream) => stream.text()));
    const timesMs: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      for (const path of ['/models', '/health', '/discovery', '/version']) {
        const startMs = performance.now();
        await (await neuron.get(path)).text();
        timesMs.push(performance.now() - startMs);
      }
    }

    const median = timesMs.sort((a, b) => a - b)[Math.floor(timesMs.length / 2)];
    expect(median).toBeLessThan(50);
    await drained;
  }, 30_000);
});

test('each token is sent before the engine generates the next one', async () => {
  const words = ['one', 'two', 'three', 'four'];
  const gates = words.map(() => createGate());
  await using neuron = await TestNeuron.start({
    parts: {
      startEngine: scriptedEngine({
        answer: () => ({ items: words.map((text) => ({ text })), gates }),
      }),
    },
  });
  await neuron.load();
  const answer = await neuron.chat({ stream: true });

  let { reader, seen } = await readUntil(answer, '"role":"assistant"');
  for (const [index, word] of words.entries()) {
    expect(seen).not.toContain(word);
    gates[index]?.open();
    ({ reader, seen } = await readUntil(reader, word));
  }
  await reader.cancel();
});

const held = () =>
  scriptedEngine({
    slots: 1,
    answer: () => ({ items: [{ text: 'a' }, { text: 'b' }], gates: { 1: createGate() } }),
  });

describe('neuron', () => {
  test('answers 503 queue_full with Retry-After and x-neuron-refused when the queue is full, and counts it', async () => {
    await using neuron = await TestNeuron.start({
      flags: { 'admission.max_queue_depth': 1 },
      parts: { startEngine: held() },
    });
    await neuron.load();
    const streams = [await neuron.chat({ stream: true }), await neuron.chat({ stream: true })];

    const refused = await neuron.chat({ stream: true });

    expect(refused.status).toBe(503);
    expect(refused.headers.get('x-neuron-refused')).toBe('1');
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await refused.json()).error.code).toBe('queue_full');
    expect((await neuron.health()).models[0]).toMatchObject({
      in_flight: 1,
      queue_depth: 1,
      rejected: { queue_full: 1 },
    });
    await Promise.all(streams.map(async (stream) => stream.body?.cancel()));
    await until(async () => (await neuron.seatsTaken()) === 0);
  });

  test('answers 404 model_not_loaded with x-neuron-refused for a model that is not loaded', async () => {
    await using neuron = await TestNeuron.start();

    const refused = await neuron.chat();

    expect(refused.status).toBe(404);
    expect((await refused.json()).error.code).toBe('model_not_loaded');
    expect(refused.headers.get('x-neuron-refused')).toBe('1');
  });

  test.each([
    ['not json', 400, 'malformed_json', null],
    ['[1]', 400, 'malformed_json', null],
    ['{}', 400, 'missing_model_field', 'model'],
    ['{"model":7}', 400, 'invalid_request', 'model'],
    ['{"model":"tiny","stream":"yes"}', 400, 'invalid_request', 'stream'],
    ['{"model":"tiny","n":0}', 400, 'invalid_request', 'n'],
    ['{"model":"tiny","n":99,"messages":[]}', 400, 'invalid_request', 'n'],
  ])('refuses the body %s with %d %s', async (body, status, code, param) => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load();

    const refused = await neuron.post('/v1/chat/completions', body);

    expect(refused.status).toBe(status);
    expect((await refused.json()).error).toMatchObject({ code, param });
    expect(await neuron.seatsTaken()).toBe(0);
  });

  test('refuses a body above the limit with 413, even if it is compressed', async () => {
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine(), maxBodyBytes: 1000 },
    });
    await neuron.load();
    const body = JSON.stringify({ model: 'tiny', messages: [{ content: 'x'.repeat(5000) }] });

    const plain = await neuron.post('/v1/chat/completions', body);
    const zipped = await fetch(`${neuron.url}/v1/chat/completions`, {
      method: 'POST',
      body: Bun.gzipSync(new TextEncoder().encode(body)),
      headers: { 'content-encoding': 'gzip' },
    });

    expect([plain.status, zipped.status]).toEqual([413, 413]);
    expect((await plain.json()).error.code).toBe('request_too_large');
  });

  test('reads a body with a byte order mark, and names the encoding of a body that is cut off', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load();
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] });
    const compressed = new Uint8Array(Bun.zstdCompressSync(body));
    const cut = await fetch(`${neuron.url}/v1/chat/completions`, {
      method: 'POST',
      body: compressed.subarray(0, compressed.length - 2),
      headers: { 'content-encoding': 'zstd' },
    });

    expect((await neuron.post('/v1/chat/completions', `\uFEFF${body}`)).status).toBe(200);
    expect(cut.status).toBe(400);
    expect((await cut.json()).error.message).toContain('is not valid zstd');
  });

  test('answers an unknown route with the error envelope', async () => {
    await using neuron = await TestNeuron.start();

    const answer = await neuron.get('/v1/nothing');

    expect(answer.status).toBe(404);
    ErrorEnvelope.parse(await answer.json());
  });
});

describe('a silent stream', () => {
  test('gets a keep-alive within 2 s, and its answer later', async () => {
    const gate = createGate();
    await using neuron = await TestNeuron.start({
      parts: {
        startEngine: scriptedEngine({
          answer: () => ({ items: [{ text: 'late' }], gates: { 0: gate } }),
        }),
      },
    });
    await neuron.load();
    const startMs = performance.now();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), ': keep-alive');
    const silentMs = performance.now() - startMs;

    gate.open();

    expect(silentMs).toBeLessThan(2500);
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += new TextDecoder().decode(part.value);
    }
    expect(rest).toContain('late');
  });
});

test('a client that stops reading stops its own stream, not the others', async () => {
  await using neuron = await TestNeuron.start({
    parts: {
      startEngine: scriptedEngine({
        slots: 2,
        answer: ({ body }) =>
          body['user'] === 'slow'
            ? { items: Array.from({ length: 20_000 }, () => ({ text: 'x'.repeat(2000) })) }
            : { items: [{ text: 'quick' }] },
      }),
    },
  });
  await neuron.load();
  const slow = await neuron.chat({ stream: true, user: 'slow', max_tokens: 20_000 });

  const quick = await neuron.chat({ stream: true });

  expect(await quick.text()).toContain('quick');
  expect(await neuron.seatsTaken()).toBe(1);
  await slow.body?.cancel();
  await until(async () => (await neuron.seatsTaken()) === 0);
});

test('model ids with slashes work on every route, encoded or not', async () => {
  await using neuron = await TestNeuron.start({
    parts: { startEngine: scriptedEngine() },
    prepare: (dir) => {
      cpSync(`${dir}/tiny.gguf`, `${dir}/org/repo/m.gguf`);
    },
  });
  await neuron.load({ model_id: 'org/repo/m' });

  const [plain, encoded, logs] = await Promise.all([
    neuron.get('/models/org/repo/m/endpoint'),
    neuron.get('/models/org%2Frepo%2Fm/endpoint'),
    neuron.get('/models/org%2Frepo%2Fm/logs'),
  ]);

  expect(await plain.json()).toEqual({ url: neuron.url });
  expect(await encoded.json()).toEqual({ url: neuron.url });
  expect(await logs.json()).toHaveProperty('lines');
  expect((await neuron.chat({ model: 'org/repo/m' })).status).toBe(200);
});

test("the response has the caller's request id, also for errors", async () => {
  await using neuron = await TestNeuron.start();

  const answer = await neuron.chat({}, { headers: { 'x-request-id': 'abc-1' } });

  expect(answer.headers.get('x-request-id')).toBe('abc-1');
});
