import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

describe('sampling', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny();
  });
  afterAll(() => engine.close(0));

  const complete = (body: object) =>
    answer(engine, { prompt: 'cortex is', temperature: 0, max_tokens: 24, ...body }, 'completions');

  test('ignore_eos goes on to max_tokens', async () => {
    const body = {
      messages: [{ role: 'user', content: 'hi' }],
      temperature: 0,
      ignore_eos: true,
      max_tokens: 200,
    };
    const { last } = await answer(engine, body);

    expect(last).toMatchObject({
      type: 'done',
      finish: [{ reason: 'length' }],
      usage: { completionTokens: 200 },
    });
  });

  test.each([1e-45, 1e-38, 1e-6])(
    'a temperature of %p gives the text of temperature 0, in JSON too',
    async (temperature) => {
      const greedy = await complete({});
      const chat = {
        messages: [{ role: 'user', content: 'hi' }],
        response_format: { type: 'json_object' },
        max_tokens: 12,
        seed: 3,
      };
      const greedyJson = await answer(engine, { ...chat, temperature: 0 });

      expect((await complete({ temperature, seed: 3 })).text).toBe(greedy.text);
      expect((await answer(engine, { ...chat, temperature })).text).toBe(greedyJson.text);
    },
  );

  test('characters of several tokens arrive whole', async () => {
    const text = 'żółć 🦙 漢字';
    const tokens = await engine.tokenize(text, { addSpecial: false, parseSpecial: false });
    const forced = await answer(
      engine,
      {
        prompt: tokens.slice(0, -1),
        temperature: 1,
        seed: 7,
        max_tokens: 300,
        ignore_eos: true,
      },
      'completions',
    );

    expect(await engine.detokenize(tokens)).toBe(text);
    expect(forced.items.every((item) => !/[\ud800-\udbff]$/.test(item.text ?? ''))).toBe(true);
  });

  test.each([
    [{ n: 3 }, 'invalid_request', 'n'],
    [{ stop: '' }, 'invalid_request', 'stop'],
    [{ prompt: [999_999] }, 'invalid_request', 'prompt[0]'],
    [{ echo: true }, 'unsupported_parameter', 'echo'],
    [{ temperature: 'hot' }, 'invalid_request', 'temperature'],
  ])('%j is refused by name', async (patch, code, param) => {
    const { last } = await complete(patch);

    expect(last).toMatchObject({ type: 'error', code, param });
  });
});
