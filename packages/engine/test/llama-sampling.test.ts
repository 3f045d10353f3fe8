import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

describe('sampling', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny();
  });
  afterAll(() => engine.close(0));

  const complete = (body: object) =>
    answer(engine, { prompt: 'cortex is', temperature: 0, max_tokens: 24, ...body }, 'completions');

  test('with ignore_eos continues to max_tokens', async () => {
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
    'at temperature %p gives the text of temperature 0, also with JSON output',
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

  describe('with bans that leave no token', () => {
    const vocabulary = Array.from({ length: 2048 }, (_, token) => token);
    const everything = Object.fromEntries(vocabulary.map((token) => [token, -100]));
    const banned = { type: 'error', code: 'invalid_request', param: 'logit_bias' };

    test.each([0, 1])(
      'ends the request with the name of the field at temperature %p',
      async (temperature) => {
        const { text, last } = await complete({ temperature, seed: 1, logit_bias: everything });

        expect(last).toMatchObject(banned);
        expect(text).toBe('');
      },
    );

    test.each([0, 1])(
      'ends the request if the format allows no other token, at temperature %p',
      async (temperature) => {
        const texts = await Promise.all(vocabulary.map((token) => engine.detokenize([token])));
        const braces = vocabulary.filter((token) => texts[token]?.includes('{'));
        const { last } = await answer(engine, {
          messages: [{ role: 'user', content: 'hi' }],
          response_format: { type: 'json_object' },
          temperature,
          seed: 1,
          logit_bias: Object.fromEntries(braces.map((token) => [token, -100])),
        });

        expect(last).toMatchObject(banned);
      },
    );

    test('but one uses the only token that is left', async () => {
      const [left = 0] = await engine.tokenize('cortex', {
        addSpecial: false,
        parseSpecial: false,
      });
      const { [left]: _, ...others } = everything;

      const { last } = await complete({ temperature: 1, logit_bias: others, max_tokens: 3 });

      expect(last).toMatchObject({ type: 'done', usage: { completionTokens: 3 } });
    });
  });

  test('emits a character of several tokens at once', async () => {
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
    [{ prompt: [999_999] }, 'invalid_request', 'prompt[0]'],
    [{ echo: true, logprobs: 2 }, 'unsupported_parameter', 'echo'],
    [{ temperature: 'hot' }, 'invalid_request', 'temperature'],
  ])('%j is refused by name', async (patch, code, param) => {
    const { last } = await complete(patch);

    expect(last).toMatchObject({ type: 'error', code, param });
  });
});
