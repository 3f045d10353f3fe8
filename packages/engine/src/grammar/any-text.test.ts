import { expect, test } from 'bun:test';

import fc from 'fast-check';

import { GbnfSampler } from '../../test/gbnf-sampler.ts';
import { seededRandom } from '../../test/seeded-random.ts';
import { anyText } from './any-text.ts';
import { GrammarRules } from './grammar-rules.ts';

test('the grammar of a list of texts accepts exactly these texts', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }).map((end) => `🙂${end}`),
    fc.string({ unit: fc.constantFrom('a', 'b', '🙂', '🙃', '"', '\n'), maxLength: 9 }),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 120 }), (texts) => {
      const rules = new GrammarRules();
      const alternatives = anyText(rules, texts);
      const sampler = new GbnfSampler(rules.format(alternatives));
      const seen = new Set(
        Array.from({ length: 400 }, (_, seed) => sampler.sample(seededRandom(seed), 50)),
      );

      expect(Array.from(seen).filter((one) => !texts.includes(one))).toEqual([]);
      if (texts.length <= 20) expect(seen.size).toBeGreaterThan(new Set(texts).size / 3);
    }),
  );
});

test('the grammar of ten thousand values merges common prefixes, so no rule has more than 32 alternatives', () => {
  const rules = new GrammarRules();
  const texts = Array.from({ length: 10_000 }, (_, i) => `"value ${i}"`);

  const grammar = rules.format(anyText(rules, texts));

  const widest = Math.max(...grammar.split('\n').map((line) => line.split(' | ').length));
  expect(widest).toBeLessThanOrEqual(32);
});
