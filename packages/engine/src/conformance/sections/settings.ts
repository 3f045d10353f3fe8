import { describe, expect, test } from 'bun:test';

import { type Answer, answerOf, ask, type Body, completionOf, type Section } from '../subject.ts';

/** Sampling settings, judged by their effect on tokens; for engines with log-probabilities. */
export const settings: Section = (subject, { claims }) => {
  const complete = (body: Body) =>
    answerOf(ask(subject().engine, completionOf(24, body), { route: 'completions' }));
  const tokenOf = async (text: string) => {
    const [token] = await subject().engine.tokenize(text, {
      addSpecial: false,
      parseSpecial: false,
    });
    return String(token);
  };

  test('a logit_bias of 100 makes a token certain, and one of -100 impossible', async () => {
    const certain = { logit_bias: { [await tokenOf('lamp')]: 100 } };
    const [likely] = logprobsOf(await complete({ logprobs: 5, max_tokens: 1 }));
    const banned = Object.fromEntries(
      await Promise.all((likely?.top ?? []).map(async ({ token }) => [await tokenOf(token), -100])),
    );

    const forced = await complete({ ...certain, max_tokens: 5 });
    const [piece] = logprobsOf(await complete({ ...certain, logprobs: 0, max_tokens: 1 }));
    const [instead] = logprobsOf(
      await complete({ logprobs: 5, max_tokens: 1, logit_bias: banned }),
    );

    expect(piece?.token).toMatch(/\S/);
    expect(forced.text).toBe((piece?.token ?? '').repeat(5));
    expect((likely?.top ?? []).map((top) => top.token)).not.toContain(instead?.token ?? '');
  });

  test('logprobs are raw and sorted, and temperature 0 takes the first', async () => {
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
    const values = shown.map(({ logprob }) => logprob);
    expect(shown).toHaveLength(20);
    expect(shown[0]?.token).toBe(greedy?.token ?? '');
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeLessThanOrEqual(1.001);
    expect(hot?.top?.map(({ token }) => token)).toEqual(shown.map(({ token }) => token));
    expect(hot?.top?.[0]?.logprob).toBeCloseTo(shown[0]?.logprob ?? 0, 3);
  });

  describe('a filter that leaves only the likeliest token decides at any temperature:', () => {
    for (const narrow of [{ top_k: 1 }, { top_p: 0 }, { min_p: 1 }, { temperature: 1e-6 }]) {
      test(JSON.stringify(narrow), async () => {
        const hot = await complete({ temperature: 1.5, seed: 3, ...narrow });

        expect(hot.text).toBe((await complete({})).text);
      });
    }
  });

  describe('a penalty makes an answer repeat itself less:', () => {
    for (const penalty of [
      { frequency_penalty: 2 },
      { presence_penalty: 2 },
      { repeat_penalty: 1.8 },
      { repetition_penalty: 1.8 },
    ]) {
      test(JSON.stringify(penalty), async () => {
        const body = { prompt: 'a a a a a a a a', max_tokens: 60, logprobs: 0 };

        const free = repeats(await complete(body));

        expect(repeats(await complete({ ...body, ...penalty }))).toBeLessThan(free);
      });
    }
  });

  test('a negative penalty makes an answer repeat itself more', async () => {
    const body = { max_tokens: 60, logprobs: 0 };

    const free = repeats(await complete(body));

    expect(repeats(await complete({ ...body, frequency_penalty: -2 }))).toBeGreaterThan(free);
  });

  if (!claims.includes('choices')) return;
  test('choices differ, each has its own finish reason, and a seed repeats them all', async () => {
    const body = {
      n: 4,
      temperature: 1.5,
      seed: 11,
      max_tokens: 30,
      ignore_eos: false,
      stop: ['e'],
    };

    const [first, second] = [await complete(body), await complete(body)];

    expect(new Set(choicesOf(first)).size).toBeGreaterThan(1);
    expect(choicesOf(second)).toEqual(choicesOf(first));
    expect(choicesOf(first).join('')).not.toContain('e');
    expect(first.last.finish).toHaveLength(4);
    for (const { matchedStop } of first.last.finish)
      expect([undefined, 'e']).toContain(matchedStop);
  });
};

const logprobsOf = ({ items }: Answer) => items.flatMap((item) => item.logprobs ?? []);

const choicesOf = ({ items }: Answer) =>
  [0, 1, 2, 3].map((index) =>
    items
      .filter((item) => (item.index ?? 0) === index)
      .map((item) => item.text ?? '')
      .join(''),
  );

/** Tokens that occurred earlier in the same answer. */
function repeats(answer: Answer): number {
  const tokens = logprobsOf(answer).map(({ token }) => token);
  return tokens.length - new Set(tokens).size;
}
