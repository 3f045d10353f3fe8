/** What clients of Ollama do besides the chats of `dialects.test.ts`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Ollama } from 'ollama';

import { leftClients, untilAbandoned } from './abandoned.ts';
import { GOOD_ANSWER } from './ask.ts';
import { startUp, type Up } from './start-up.ts';

const model = 'cortex-tiny';
const prompt = 'What is cortex?';
const options = { temperature: 0 };

describe('the client of Ollama', () => {
  let up: Up;
  let ollama: Ollama;

  beforeAll(async () => {
    up = await startUp();
    ollama = new Ollama({ host: up.api });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  test('generates the same text whole and streamed', async () => {
    const whole = await ollama.generate({ model, prompt, options });
    const parts = await Array.fromAsync(
      await ollama.generate({ model, prompt, options, stream: true }),
    );

    expect(whole).toMatchObject({ model, done: true, done_reason: 'stop' });
    expect(whole.response).toMatch(GOOD_ANSWER);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map(({ response }) => response).join('')).toBe(whole.response ?? '');
    expect(parts.at(-1)).toMatchObject({
      done: true,
      done_reason: 'stop',
      prompt_eval_count: whole.prompt_eval_count,
      eval_count: whole.eval_count,
    });
  });

  test('loads a model with an empty request, and reads how long an answer took', async () => {
    const loaded = await ollama.generate({ model, prompt: '' });
    const answer = await ollama.chat({
      model,
      messages: [{ role: 'user', content: prompt }],
      options,
    });

    expect(loaded).toMatchObject({ done: true, done_reason: 'load', response: '' });
    expect(answer.eval_duration).toBeGreaterThan(0);
    expect(answer.total_duration).toBeGreaterThanOrEqual(answer.eval_duration);
  });

  test('gets JSON of the asked form', async () => {
    const format = {
      type: 'object',
      properties: { count: { type: 'integer', minimum: 0, maximum: 9 } },
      required: ['count'],
      additionalProperties: false,
    };

    const { message } = await ollama.chat({
      model,
      messages: [{ role: 'user', content: 'How many nodes?' }],
      format,
      options,
    });

    expect(JSON.parse(message.content)).toEqual({ count: expect.any(Number) });
  });

  test('reads the error of a stream for an unknown model', async () => {
    const error: unknown = await ollama
      .chat({ model: 'no-such-model', messages: [{ role: 'user', content: 'hi' }], stream: true })
      .catch((reason: unknown) => reason);

    expect(error).toMatchObject({ name: 'ResponseError', status_code: 404 });
    expect(String(error)).toContain('no-such-model');
  });

  test('ends its stream with an AbortError when all its requests are aborted', async () => {
    const before = await leftClients(up);
    const stream = await ollama.generate({
      model,
      prompt: 'Count.',
      format: {
        type: 'object',
        properties: { numbers: { type: 'array', items: { type: 'integer' }, minItems: 500 } },
        required: ['numbers'],
      },
      options: { num_predict: 2000 },
      stream: true,
    });

    const read = async (): Promise<void> => {
      for await (const { done } of stream) if (!done) ollama.abort();
    };
    const error: unknown = await read().catch((reason: unknown) => reason);

    expect(error).toMatchObject({ name: 'AbortError' });
    await untilAbandoned(up, before);
  });
});
