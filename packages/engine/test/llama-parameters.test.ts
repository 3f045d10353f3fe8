import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine.ts';
import { answer, type Answered, loadTiny } from './llama-under-test.ts';

const PROMPT = 'The weather in Sofia is';

/** What other engines and services know and this one cannot do, by name. */
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
  ['n_predict', 20],
  ['max_new_tokens', 20],
  ['truncate_prompt_tokens', 5],
  ['format', 'json'],
  ['options', { num_ctx: 2048 }],
];

/** Sent along by clients, and the same as not sent. */
const HARMLESS: Readonly<Record<string, unknown>> = {
  audio: null,
  modalities: ['text'],
  verbosity: 'medium',
  mirostat: 0,
  typical_p: 1,
  stop_token_ids: [],
  n_predict: -1,
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

describe('a parameter does what it says:', () => {
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
  const tokenOf = async (text: string) => {
    const [token] = await engine.tokenize(text, { addSpecial: false, parseSpecial: false });
    return String(token);
  };

  test.each(UNSUPPORTED)('%s is refused by name on both routes', async (param, value) => {
    const refusal = { type: 'error', code: 'unsupported_parameter', param };
    const messages = [{ role: 'user', content: 'Hi' }];

    expect((await answer(engine, { messages, [param]: value })).last).toMatchObject(refusal);
    expect((await complete({ [param]: value })).last).toMatchObject(refusal);
  });

  test('what asks for nothing changes nothing', async () => {
    expect((await complete(HARMLESS)).text).toBe((await complete({})).text);
  });

  test('a bias of 100 makes a token certain, one of -100 impossible', async () => {
    const token = await tokenOf('lamp');
    const forced = await complete({ logit_bias: { [token]: 100 }, max_tokens: 5 });
    const [first] = logprobsOf(await complete({ logprobs: 5, max_tokens: 1 }));
    const banned = Object.fromEntries(
      await Promise.all((first?.top ?? []).map(async (top) => [await tokenOf(top.token), -100])),
    );
    const [instead] = logprobsOf(
      await complete({ logprobs: 5, max_tokens: 1, logit_bias: banned }),
    );

    const [piece] = logprobsOf(
      await complete({ logprobs: 0, max_tokens: 1, logit_bias: { [token]: 100 } }),
    );
    expect(forced.text).toBe((piece?.token ?? '').repeat(5));
    expect((first?.top ?? []).map((top) => top.token)).not.toContain(instead?.token ?? '');
  });

  test('log-probabilities are raw, sorted, and the first is what temperature 0 takes', async () => {
    const [greedy] = logprobsOf(await complete({ logprobs: 20, max_tokens: 1 }));
    const [hot] = logprobsOf(
      await complete({
        logprobs: 20,
        max_tokens: 1,
        temperature: 2,
        seed: 5,
        top_k: 3,
        frequency_penalty: 1,
      }),
    );

    const shown = greedy?.top ?? [];
    expect(shown).toHaveLength(20);
    expect(shown[0]?.token).toBe(greedy?.token ?? '');
    expect(shown.map(({ logprob }) => logprob)).toEqual(
      shown.map(({ logprob }) => logprob).toSorted((a, b) => b - a),
    );
    expect(shown.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeLessThanOrEqual(
      1.001,
    );
    expect(hot?.top?.map(({ token }) => token)).toEqual(shown.map(({ token }) => token));
    expect(hot?.top?.[0]?.logprob).toBeCloseTo(shown[0]?.logprob ?? 0, 3);
  });

  test.each([{ top_k: 1 }, { top_p: 0 }, { min_p: 1 }, { temperature: 1e-6 }])(
    '%j leaves the likeliest token alone, however hot',
    async (narrow) => {
      const hot = await complete({ temperature: 1.5, seed: 3, ...narrow });

      expect(hot.text).toBe((await complete({})).text);
    },
  );

  test.each([
    { frequency_penalty: 2 },
    { presence_penalty: 2 },
    { repeat_penalty: 1.8 },
    { repetition_penalty: 1.8 },
  ])('%j makes an answer repeat itself less', async (penalty) => {
    const body = { prompt: 'a a a a a a a a', max_tokens: 60, logprobs: 0 };

    const free = repeats(await complete(body));

    expect(repeats(await complete({ ...body, ...penalty }))).toBeLessThan(free);
  });

  test('a negative penalty makes it repeat itself more', async () => {
    const body = { max_tokens: 60, logprobs: 0 };

    const free = repeats(await complete(body));

    expect(repeats(await complete({ ...body, frequency_penalty: -2 }))).toBeGreaterThan(free);
  });

  test('choices differ, each with a finish of its own, and a seed repeats them all', async () => {
    const body = {
      n: 4,
      temperature: 1.5,
      seed: 11,
      max_tokens: 30,
      ignore_eos: false,
      stop: ['e'],
    };
    const choicesOf = ({ items }: Answered) =>
      [0, 1, 2, 3].map((index) =>
        items
          .filter((item) => (item.index ?? 0) === index)
          .map((item) => item.text ?? '')
          .join(''),
      );

    const [first, second] = [await complete(body), await complete(body)];

    expect(new Set(choicesOf(first)).size).toBeGreaterThan(1);
    expect(choicesOf(second)).toEqual(choicesOf(first));
    expect(choicesOf(first).join('')).not.toContain('e');
    if (first.last.type !== 'done') throw new Error(first.last.message);
    expect(first.last.finish).toHaveLength(4);
    for (const finish of first.last.finish) expect([undefined, 'e']).toContain(finish.matchedStop);
  });

  test('an alias’s parameter that is not supported is refused like the caller’s own', async () => {
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

const logprobsOf = ({ items }: Answered) => items.flatMap((item) => item.logprobs ?? []);

/** Tokens of an answer that were in it before. */
function repeats(answered: Answered): number {
  const tokens = logprobsOf(answered).map(({ token }) => token);
  return tokens.length - new Set(tokens).size;
}
