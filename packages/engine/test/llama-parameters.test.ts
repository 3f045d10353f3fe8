import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const PROMPT = 'The weather in Sofia is';

/** Fields of other engines and services that this engine does not support. */
const UNSUPPORTED: readonly (readonly [string, unknown])[] = [
  ['audio', { voice: 'alloy', format: 'wav' }],
  ['modalities', ['text', 'audio']],
  ['verbosity', 'low'],
  ['web_search_options', {}],
  ['mirostat', 2],
  ['typical_p', 0.5],
  ['dry_multiplier', 0.8],
  ['xtc_probability', 0.1],
  ['min_tokens', 5],
  ['grammar', 'root ::= "a"'],
  ['guided_json', { type: 'object' }],
  ['stop_token_ids', [1]],
  ['use_beam_search', true],
  ['best_of', 2],
  ['n_probs', 5],
  ['chat_template', '{{ messages }}'],
  ['regex', 'a+'],
  ['ebnf', 'root ::= "a"'],
  ['guided_choice', ['a', 'b']],
  ['banned_strings', ['a']],
  ['reasoning_format', 'none'],
  ['lora', [{ id: 0, scale: 1 }]],
  ['samplers', ['top_k']],
  ['repeat_last_n', 64],
  ['no_repeat_ngram_size', 3],
  ['max_new_tokens', 20],
  ['truncate_prompt_tokens', 5],
  ['format', 'json'],
  ['options', { num_ctx: 2048 }],
];

/** Values that clients send and that mean the same as no value. */
const HARMLESS: Readonly<Record<string, unknown>> = {
  audio: null,
  modalities: ['text'],
  verbosity: 'medium',
  mirostat: 0,
  typical_p: 1,
  stop_token_ids: [],
  n_probs: 0,
  lora: [],
  reasoning_format: 'auto',
  repeat_last_n: -1,
  suffix: '',
  best_of: 1,
  options: {},
  prediction: { type: 'content', content: 'x' },
  prompt_cache_key: 'k',
  safety_identifier: 's',
  service_tier: 'auto',
  store: true,
  metadata: { a: 'b' },
  user: 'u',
  stream_options: { include_usage: true },
};

describe('parameters', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny({ slots: 4 });
  });
  afterAll(() => engine.close(0));

  const complete = (body: object) =>
    answer(
      engine,
      { prompt: PROMPT, temperature: 0, max_tokens: 24, ignore_eos: true, ...body },
      'completions',
    );

  test.each(UNSUPPORTED)(
    'that are not supported are refused by name on both routes: %s',
    async (param, value) => {
      const refusal = { type: 'error', code: 'unsupported_parameter', param };
      const messages = [{ role: 'user', content: 'Hi' }];

      expect((await answer(engine, { messages, [param]: value })).last).toMatchObject(refusal);
      expect((await complete({ [param]: value })).last).toMatchObject(refusal);
    },
  );

  test('with neutral values do not change the answer', async () => {
    expect((await complete(HARMLESS)).text).toBe((await complete({})).text);
  });

  test('of an alias that are not supported are refused like those of the request', async () => {
    const request = {
      id: 'a',
      route: 'completions',
      body: { prompt: PROMPT },
      params: { mirostat: 2 },
      principal: 'test',
      requestId: 'a',
    } as const;

    const [event] = await Array.fromAsync(engine.generate(request, new AbortController().signal));

    expect(event).toMatchObject({
      type: 'error',
      code: 'unsupported_parameter',
      param: 'mirostat',
    });
  });
});
