import { expect, test } from 'bun:test';

import { answerOf, ask, completionOf, type Section, SLOTS } from '../subject.ts';

/** Leading characters that must agree where kernels allow later differences. */
const CLOSE_CHARS = 12;

export const sampling: Section = (subject, options) => {
  const textOf = async (body: Parameters<typeof completionOf>[1]) =>
    (await answerOf(ask(subject().engine, completionOf(24, body), { route: 'completions' }))).text;

  test('temperature 0 gives the same text alone and in a full batch', async () => {
    const alone = await textOf({});

    const together = await Promise.all(
      Array.from({ length: SLOTS * 2 }, (_, index) =>
        textOf(index % 2 === 0 ? {} : { prompt: `Number ${index} of many things` }),
      ),
    );

    const shown = options.batchText === 'close' ? CLOSE_CHARS : alone.length;
    const same = together.filter((_, index) => index % 2 === 0);
    expect(same.map((text) => text.slice(0, shown))).toEqual(same.map(() => alone.slice(0, shown)));
  });

  test('equal seeds give equal texts', async () => {
    const [first, second] = [
      await textOf({ temperature: 1, seed: 7 }),
      await textOf({ temperature: 1, seed: 7 }),
    ];

    expect(second).toBe(first);
  });

  test('different seeds give different texts', async () => {
    const texts = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((seed) => textOf({ temperature: 1.5, seed })),
    );

    expect(new Set(texts).size).toBeGreaterThan(1);
  });

  test('two simultaneous requests without a seed differ', async () => {
    const texts = await Promise.all(Array.from({ length: 6 }, () => textOf({ temperature: 1.5 })));

    expect(new Set(texts).size).toBeGreaterThan(1);
  });
};
