import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { GbnfSampler } from '../../test/gbnf-sampler.ts';
import { seededRandom } from '../../test/seeded-random.ts';
import { GrammarRules } from './grammar-rules.ts';
import { textUntil } from './text-until.ts';

const samples = (
  marker: string,
  bounds: Parameters<typeof textUntil>[2],
  count: number,
): string[] => {
  const rules = new GrammarRules();
  const sampler = new GbnfSampler(rules.format(textUntil(rules, marker, bounds)));
  return Array.from({ length: count }, (_, seed) => sampler.sample(seededRandom(seed), 40));
};

describe('the grammar of a text up to a marker', () => {
  // A small alphabet, so that texts often contain parts of the marker.
  const word = fc.stringMatching(/^[ab<]{1,5}$/);

  test('accepts texts that end with the marker and do not contain it earlier', () => {
    fc.assert(
      fc.property(word, (marker) => {
        for (const text of samples(marker, {}, 30))
          expect(text.indexOf(marker)).toBe(text.length - marker.length);
      }),
    );
  });

  test('accepts no excluded text and no excluded prefix', () => {
    const bounds = { without: ['<b>', 'aa'], notFirst: ['a', 'ba', 'bb'] };
    for (const text of samples('</>', bounds, 600)) {
      expect(text).toMatch(/^(?!a|ba|bb)(?:(?!<b>|aa|<\/>)[^])*<\/>$/);
    }
  });
});
