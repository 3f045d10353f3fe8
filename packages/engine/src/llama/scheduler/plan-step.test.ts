import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { nextTurns, passesOf, planStep } from './plan-step.ts';

const LIMITS = { batchTokens: 512, prefillChunkTokens: 128 };
const generating = (run: string, draftTokens = 0) => ({ run, promptTokensLeft: 0, draftTokens });
const reading = (run: string, promptTokensLeft: number) => ({
  run,
  promptTokensLeft,
  draftTokens: 0,
});

describe('planStep', () => {
  test('gives a prompt the whole batch while no run generates', () => {
    expect(planStep([reading('a', 2000)], LIMITS)).toEqual([
      { run: 'a', tokens: 512, isPrompt: true },
    ]);
  });

  test('gives every generating run a token before prompts get chunks', () => {
    expect(planStep([reading('long', 2000), generating('a'), generating('b')], LIMITS)).toEqual([
      { run: 'a', tokens: 1, isPrompt: false },
      { run: 'b', tokens: 1, isPrompt: false },
      { run: 'long', tokens: 128, isPrompt: true },
    ]);
  });

  test("gives draft tokens the space that the runs' own tokens leave", () => {
    const plan = planStep([generating('a', 8), generating('b', 8)], {
      batchTokens: 6,
      prefillChunkTokens: 4,
    });

    expect(plan).toEqual([
      { run: 'a', tokens: 5, isPrompt: false },
      { run: 'b', tokens: 1, isPrompt: false },
    ]);
  });

  test('decodes prompts of equal length one after another', () => {
    expect(
      planStep([generating('a'), reading('first', 100), reading('second', 100)], LIMITS),
    ).toEqual([
      { run: 'a', tokens: 1, isPrompt: false },
      { run: 'first', tokens: 100, isPrompt: true },
      { run: 'second', tokens: 28, isPrompt: true },
    ]);
  });

  test('does not make a short prompt wait for a long one, which keeps half of the budget', () => {
    const plan = planStep([reading('long', 9000), reading('next', 8000), reading('short', 40)], {
      batchTokens: 512,
      prefillChunkTokens: 512,
    });

    expect(plan).toContainEqual({ run: 'short', tokens: 40, isPrompt: true });
    expect(plan).toContainEqual({ run: 'long', tokens: 256, isPrompt: true });
    expect(plan).toContainEqual({ run: 'next', tokens: 216, isPrompt: true });
  });

  test('gives equal progress to runs and prompts when more runs generate than a batch holds', () => {
    const limits = { batchTokens: 128, prefillChunkTokens: 64 };
    let runs = Array.from({ length: 160 }, (_, index) => index);
    const sampled = new Map(runs.map((run) => [run, 0]));
    const promptsLeft = new Map([
      [3, 100],
      [150, 200],
    ]);
    for (let step = 1; step <= 40; step++) {
      const plan = planStep(
        runs.map((run) => ({ run, promptTokensLeft: promptsLeft.get(run) ?? 0, draftTokens: 0 })),
        limits,
      );
      const generating = plan.filter(({ isPrompt }) => !isPrompt);
      for (const { run } of generating) sampled.set(run, (sampled.get(run) ?? 0) + 1);
      for (const { run, tokens, isPrompt } of plan)
        if (isPrompt) promptsLeft.set(run, (promptsLeft.get(run) ?? 0) - tokens);
      runs = nextTurns(runs, plan);

      expect(plan.reduce((total, { tokens }) => total + tokens, 0)).toBe(128);
    }

    expect([...promptsLeft.values()]).toEqual([0, 0]);
    const counts = [...sampled].filter(([run]) => !promptsLeft.has(run)).map(([, count]) => count);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  test('keeps the order of prompts while generating runs take turns', () => {
    const runs = ['first', 'a', 'second', 'b'];
    const plan = [
      { run: 'a', tokens: 1, isPrompt: false },
      { run: 'second', tokens: 9, isPrompt: true },
    ];

    expect(nextTurns(runs, plan)).toEqual(['first', 'second', 'b', 'a']);
  });

  test('never exceeds batch or budget, and never omits a generating run', () => {
    const runs = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 16 });
    fc.assert(
      fc.property(runs, (prompts) => {
        const plan = planStep(
          prompts.map((promptTokensLeft, run) => ({ run, promptTokensLeft, draftTokens: 0 })),
          LIMITS,
        );
        const read = plan
          .filter(({ run }) => (prompts[run] ?? 0) > 0)
          .reduce((total, { tokens }) => total + tokens, 0);
        const sampled = plan.filter(({ run }) => prompts[run] === 0);

        expect(sampled).toHaveLength(prompts.filter((left) => left === 0).length);
        expect(read + sampled.length).toBeLessThanOrEqual(LIMITS.batchTokens);
        if (sampled.length > 0) expect(read).toBeLessThanOrEqual(LIMITS.prefillChunkTokens);
      }),
    );
  });
});

test('does not split a prompt so that one token is left', () => {
  const plan = planStep([generating('a'), reading('b', 129)], LIMITS);

  expect(plan).toContainEqual({ run: 'b', tokens: 127, isPrompt: true });
});

test('passesOf decodes prompts separately from generating runs and from each other when widths matter', () => {
  const plan = planStep(
    [generating('a'), reading('b', 40), generating('c'), reading('d', 50)],
    LIMITS,
  );

  const passes = passesOf(plan, { isBatchInvariant: true }).map((pass) =>
    pass.map(({ run }) => run),
  );

  expect(passes).toEqual([['a', 'c'], ['b'], ['d']]);
  expect(passesOf(plan, { isBatchInvariant: false })).toEqual([plan]);
});
