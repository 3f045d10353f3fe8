/** `on_image = "placeholder"`: a model that cannot read images gets a note in place of each. */
import { IMAGE_NOTE, NeuronUsage } from '@cortex/protocol';
import { FakeServer } from '@cortex/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { TestNeuron } from './test-neuron.ts';

const user = (content: unknown) => ({ role: 'user', content });
const text = (value: string) => ({ type: 'text', text: value });
const image = (base64: string) => ({
  type: 'image_url',
  image_url: { url: `data:image/png;base64,${base64}` },
});
const NOTE = text(IMAGE_NOTE);

const Prompt = z.object({ prompt: z.string() });
const Count = z.object({ input_tokens: z.int() });
const Refusal = z.object({ error: z.looseObject({ code: z.string(), message: z.string() }) });

const codeOf = async (answer: Response): Promise<string> =>
  Refusal.parse(await answer.json()).error.code;
const usageOf = (answer: Response): NeuronUsage =>
  NeuronUsage.parse(JSON.parse(answer.headers.get('x-neuron-usage') ?? ''));

describe('a model of our engine with a note in place of images', () => {
  let neuron: TestNeuron;
  beforeAll(async () => {
    neuron = await TestNeuron.start();
    await neuron.load({ context_length: 1024, on_image: 'placeholder' });
  });
  afterAll(() => neuron[Symbol.asyncDispose]());

  const ask = (path: string, messages: readonly object[], more: object = {}): Promise<Response> =>
    neuron.post(path, { model: 'tiny', messages, ...more });
  const chat = (messages: readonly object[]): Promise<Response> =>
    ask('/v1/chat/completions', messages, { temperature: 0, max_tokens: 8 });

  test('answers a conversation with a screenshot, and finds its turns in the cache', async () => {
    const told = [user([text('What is cortex?'), image('AAAA')])];
    const first = await chat(told);
    const { choices } = z
      .looseObject({ choices: z.array(z.looseObject({ message: z.looseObject({}) })) })
      .parse(await first.json());
    const second = await chat([...told, choices[0]?.message ?? {}, user('And neuron?')]);

    expect([first.status, second.status]).toEqual([200, 200]);
    expect(usageOf(second).cached_tokens).toBeGreaterThanOrEqual(usageOf(first).prompt_tokens - 1);
  });

  test('is prompted as if the note had been sent', async () => {
    const prompts = await Promise.all(
      [image('AAAA'), image('BBBB'), NOTE].map(async (part) => {
        const answer = await ask('/apply-template', [user([text('See:'), part, text('What?')])]);
        return Prompt.parse(await answer.json()).prompt;
      }),
    );

    expect(prompts[0]).toContain(`See:\n${IMAGE_NOTE}\nWhat?`);
    expect(new Set(prompts).size).toBe(1);
  });

  test('counts the note, and the answer has as many prompt tokens', async () => {
    const messages = [user([text('What is cortex?'), image('CCCC')])];

    const counted = Count.parse(await (await ask('/count-tokens', messages)).json());
    const answered = await chat(messages);

    expect(usageOf(answered).prompt_tokens).toBe(counted.input_tokens);
  });

  test('answers with a screenshot that has more bytes than its context', async () => {
    const large = image('iVBORw0KGgo'.repeat(300_000));
    const answer = await chat([user([text('What is cortex?'), large])]);
    const counted = await ask('/count-tokens', [user([large])]);

    expect([answer.status, counted.status]).toEqual([200, 200]);
  });

  test('still refuses a text that is longer than its context', async () => {
    const answer = await chat([user([image('AAAA'), text('lorem ipsum '.repeat(200_000))])]);

    expect(await codeOf(answer)).toBe('context_length_exceeded');
  });

  test('does not claim vision, and shows its setting', async () => {
    const { capabilities, settings } = await neuron.model();

    expect(capabilities).not.toContain('vision');
    expect(settings).toMatchObject({ on_image: 'placeholder' });
  });

  test('is loaded with another setting than one that refuses images', async () => {
    const answer = await neuron.post('/models/load', { model_id: 'tiny', on_image: 'reject' });

    expect(answer.status).toBe(409);
  });
});

test('a model without the setting refuses images on every route', async () => {
  await using neuron = await TestNeuron.start();
  await neuron.load({ context_length: 1024 });

  for (const path of ['/v1/chat/completions', '/count-tokens', '/apply-template']) {
    const answer = await neuron.post(path, { model: 'tiny', messages: [user([image('AAAA')])] });

    expect([path, answer.status, await codeOf(answer)]).toEqual([path, 400, 'vision_unsupported']);
  }
});

describe('a model of a llama-server', () => {
  const start = async (hasVision: boolean) => {
    const server = new FakeServer({
      port: 0,
      models: ['tiny'],
      contextTokens: 512,
      slots: 2,
      hasVision,
    });
    const neuron = await TestNeuron.start({
      flags: { harnesses: [{ name: 'other', kind: 'llamacpp', endpoint: server.url }] },
    });
    await neuron.load({ harness: 'other', on_image: 'placeholder' });
    return { server, neuron };
  };
  const body = (part: object, more: object): string =>
    JSON.stringify({ model: 'tiny', messages: [user([part])], seed: 1, ...more });

  test.each([
    ['small', 1],
    ['large', 300_000],
  ])('without vision gets the note in place of a %s image', async (_, times) => {
    const { server, neuron } = await start(false);
    using _server = server;
    await using _neuron = neuron;
    const large = image('iVBORw0KGgo'.repeat(times));

    const answer = await neuron.post('/v1/chat/completions', body(large, {}));
    const streamed = await neuron.post('/v1/chat/completions', body(large, { stream: true }));
    const rendered = await neuron.post('/apply-template', body(large, {}));
    const counted = await neuron.post('/count-tokens', body(large, {}));

    expect([answer, streamed, rendered, counted].map(({ status }) => status)).toEqual([
      200, 200, 200, 200,
    ]);
    const sent = server.seen.filter(({ bytes }) => bytes.includes(0x7b)).map((one) => one.bytes);
    const texts = sent.map((bytes) => new TextDecoder().decode(bytes));
    expect(texts[0]).toBe(body(NOTE, {}));
    expect(texts.join('\n')).not.toContain('base64');
    await streamed.text();
  });

  test('with vision gets the image unchanged', async () => {
    const { server, neuron } = await start(true);
    using _server = server;
    await using _neuron = neuron;
    const sent = body(image('AAAA'), {});

    await neuron.post('/v1/chat/completions', sent);

    expect(server.lastBody('/v1/chat/completions')).toBe(sent);
  });
});
