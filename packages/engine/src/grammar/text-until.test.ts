import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { GbnfSampler } from '../../test/gbnf-sampler.ts';
import { GrammarRules } from './grammar-rules.ts';
import { textUntil } from './text-until.ts';

const samples = (marker: string, bounds: Parameters<typeof textUntil>[2]): string[] => {
  const rules = new GrammarRules();
  const sampler = new GbnfSampler(rules.format(textUntil(rules, marker, bounds)));
  return Array.from({ length: 30 }, () => sampler.sample(Math.random, 40));
};

describe('text up to a marker', () => {
  // Few letters, so that a text nearly is the marker all the time.
  const word = fc.stringMatching(/^[ab<]{1,5}$/);

  test('ends with the marker, which stands nowhere before', () => {
    fc.assert(
      fc.property(word, (marker) => {
        for (const text of samples(marker, {}))
          expect(text.indexOf(marker)).toBe(text.length - marker.length);
      }),
    );
  });

  test('holds none of the texts that it must not hold, and begins with none that it must not begin with', () => {
    const bounds = { without: ['<b>', 'aa'], notFirst: ['a', 'ba', 'bb'] };
    for (const text of Array.from({ length: 20 }, () => samples('</>', bounds)).flat()) {
      expect(text).toMatch(/^(?!a|ba|bb)(?:(?!<b>|aa|<\/>)[^])*<\/>$/);
    }
  });
});
