import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { commonQuestions, type VariedRequest, variedRequests } from './fixtures/varied-requests.ts';
import {
  answerAlone,
  type Answered,
  type Load,
  type Way,
  WAYS,
} from './fixtures/ways-to-answer.ts';
import { loadTiny, TINY_MODEL } from './llama-under-test.ts';

const SCALE = Number(process.env['SCALE'] ?? 1 / 20);
const SEED = 4;
const REQUESTS = Math.round(20 + 384 * SCALE);
/** Each way gets its own share of the requests; the batches get all. */
const SHARE = Math.round(4 + 396 * SCALE);
const CONTEXT_TOKENS = 1024;
const MAX_ANSWER_TOKENS = 32;

/** If two logits differ by less than this, kernels of another batch width may prefer the other. */
const EQUAL_GAP = 0.02;

/** Share of the requests that may differ from their text alone, only at such positions. */
const MAX_PARTED = 0.02;

const REAL_FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const REAL_REQUESTS = Math.round(1 + 59 * SCALE);
/** Small runs use only the ways that differ most: full batches, cells of half the prompt, and a restored slot. */
const FULL_SCALE = 1;
const SMALL_RUN_WAYS = [
  'with eight slots full',
  'from cells of half its prompt',
  'from a slot saved and restored',
  'with draft tokens',
];
const realModel = join(process.env['CORTEX_TEST_MODELS'] ?? '', REAL_FILE);
const isThere = process.env['CORTEX_TEST_MODELS'] !== undefined && existsSync(realModel);

const isRun = ({ name }: Way): boolean => SCALE >= FULL_SCALE || SMALL_RUN_WAYS.includes(name);
const REAL_WAYS = WAYS.filter((way) => way.isWide !== true && isRun(way));

describe('with batch_invariant cortex-tiny at temperature 0', () => {
  const all = variedRequests(REQUESTS, SEED);
  let alone: Promise<readonly Answered[]> | undefined;

  for (const [index, way] of WAYS.entries()) {
    test(`gives the same text alone and ${way.name}`, async () => {
      alone ??= answerAlone(loadFrom(TINY_MODEL), all);
      const from = index < 2 ? 0 : (index * SHARE) % (REQUESTS - SHARE + 1);
      const to = index < 2 ? REQUESTS : from + SHARE;
      const asked = { requests: all.slice(from, to), alone: (await alone).slice(from, to) };

      const comparisons = await compare(way, loadFrom(TINY_MODEL), asked);

      for (const { own, other } of comparisons)
        expect({ text: other.text, finish: other.finish }).toEqual({
          text: own.text,
          finish: own.finish,
        });
      expect(comparisons.length).toBeGreaterThanOrEqual(to - from);
      if (way.reusesCells === true) expect(comparisons.some(isCached)).toBe(true);
    });
  }
});

describe('with the fastest kernels cortex-tiny at temperature 0', () => {
  for (const way of WAYS.filter(isRun)) {
    test(`samples the most likely token at every position, within its limits, ${way.name}`, async () => {
      // An answer that must not end may not use its most likely token.
      const requests = variedRequests(SHARE, SEED + 1).map(({ route, body }) => ({
        route,
        body: { ...body, ignore_eos: false },
      }));
      const load: Load = (spec) => loadFrom(TINY_MODEL)({ isBatchInvariant: false, ...spec });

      const answers = (await way.answer(load, requests)).flat();

      expect(answers.length).toBeGreaterThanOrEqual(requests.length);
      for (const { finish, tokens } of answers) {
        expect(['stop', 'length']).toContain(finish);
        expect(tokens.length).toBeLessThanOrEqual(MAX_ANSWER_TOKENS);
        for (const { logprob, top } of tokens) expect(logprob).toBe(top?.[0]?.logprob ?? NaN);
      }
      if (way.reusesCells === true)
        expect(answers.some(({ cachedTokens }) => cachedTokens > 0)).toBe(true);
    });
  }
});

describe.skipIf(!isThere)(
  `with batch_invariant real weights at temperature 0 (CORTEX_TEST_MODELS: ${REAL_FILE})`,
  () => {
    test(
      'differ from the text alone in at most 2 % of the requests, and only where two tokens were nearly equal',
      async () => {
        const requests = commonQuestions(REAL_REQUESTS, SEED);
        const load = loadFrom(realModel);
        const alone = await answerAlone(load, requests);
        const partings: (Parting & { readonly way: string; readonly request: VariedRequest })[] =
          [];
        let answers = 0;
        for (const way of REAL_WAYS) {
          const comparisons = await compare(way, load, { requests, alone });
          answers += comparisons.length;
          for (const { request, own, other } of comparisons) {
            const parting = partingOf(own, other);
            if (parting !== undefined) partings.push({ ...parting, way: way.name, request });
          }
        }

        expect(partings.filter(({ gap }) => gap >= EQUAL_GAP)).toEqual([]);
        expect(partings.length).toBeLessThanOrEqual(answers * MAX_PARTED);
      },
      { timeout: 120_000 + REAL_REQUESTS * 30_000 },
    );
  },
);

interface Comparison {
  readonly request: VariedRequest;
  readonly own: Answered;
  readonly other: Answered;
}

async function compare(
  way: Way,
  load: Load,
  asked: { readonly requests: readonly VariedRequest[]; readonly alone: readonly Answered[] },
): Promise<readonly Comparison[]> {
  const answers = await way.answer(load, asked.requests);
  return asked.requests.flatMap((request, index) => {
    const own = asked.alone[index];
    if (own === undefined) throw new Error('a request was not asked alone');
    return (answers[index] ?? []).map((other) => ({ request, own, other }));
  });
}

const loadFrom =
  (modelPath: string): Load =>
  (spec) =>
    loadTiny({ modelPath, contextLength: CONTEXT_TOKENS, ...spec });

const isCached = ({ other }: Comparison): boolean => other.cachedTokens > 0;

interface Parting {
  /** Number of equal tokens before the difference. */
  readonly at: number;
  /** Difference of the logits of the two tokens at that position. */
  readonly gap: number;
}

/** The first difference of two answers; undefined if there is none. */
function partingOf(own: Answered, other: Answered): Parting | undefined {
  const at = own.tokens.findIndex(({ token }, index) => token !== other.tokens[index]?.token);
  if (at < 0) return own.text === other.text ? undefined : { at: own.tokens.length, gap: Infinity };
  const [chosen, instead] = [own.tokens[at], other.tokens[at]];
  const rival = chosen?.top?.find(({ token }) => token === instead?.token);
  return { at, gap: (chosen?.logprob ?? Infinity) - (rival?.logprob ?? -Infinity) };
}
