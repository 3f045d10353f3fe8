import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { documentGrammar } from '../src/grammar/answer-grammar.ts';
import { matches, patternLanguage } from '../src/grammar/pattern-language.ts';
import { UnsupportedPattern } from '../src/grammar/pattern-syntax.ts';
import { Languages } from '../src/grammar/regular-language.ts';
import { GbnfSampler } from './gbnf-sampler.ts';
import { refusalOf } from './schemas-under-test.ts';
import { seededRandom } from './seeded-random.ts';

/** Patterns over a small alphabet, so that short texts often match. */
const pattern = fc.letrec<{ pattern: string; part: string; sequence: string }>((tie) => ({
  pattern: fc.array(tie('sequence'), { minLength: 1, maxLength: 2 }).map((all) => all.join('|')),
  sequence: fc.array(tie('part'), { maxLength: 4 }).map((all) => all.join('')),
  part: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', String.raw`\d`, String.raw`\W`, 'é', '😀'),
    fc.constantFrom('^', '$', String.raw`\p{L}`, String.raw`[\P{Lu}b]`),
    fc
      .tuple(tie('pattern'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{2,}?'))
      .map(([inner, times]) => `(?:${inner})${times}`),
    tie('pattern').map((inner) => `(?=${inner})`),
    tie('pattern').map((inner) => `(?!${inner})`),
  ),
})).pattern;

const text = fc.string({
  unit: fc.constantFrom('a', 'b', '1', 'A', '\n', 'é', '😀'),
  maxLength: 7,
});

test('the language of a pattern contains exactly the texts that match the pattern', () => {
  let read = 0;
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 12, maxLength: 12 }), (source, values) => {
      const languages = new Languages(() => undefined);
      try {
        const language = patternLanguage(languages, source);
        read++;
        for (const value of values)
          expect({ value, found: matches(languages, language, value) }).toEqual({
            value,
            found: new RegExp(source, 'u').test(value),
          });
      } catch (error) {
        if (!(error instanceof UnsupportedPattern)) throw error;
      }
    }),
    { numRuns: 1500 },
  );
  expect(read).toBeGreaterThan(700);
});

test('every text of a grammar for several patterns and a length satisfies all of them', () => {
  let held = 0;
  const bounds = { minLength: fc.nat(3), maxLength: fc.integer({ min: 3, max: 9 }) };
  fc.assert(
    fc.property(
      fc.record({ ...bounds, one: pattern, two: pattern }),
      ({ one, two, ...lengths }) => {
        const schema = { type: 'string', ...lengths, allOf: [{ pattern: one }, { pattern: two }] };
        if (refusalOf(schema) !== undefined) return;
        held++;
        const sampler = new GbnfSampler(documentGrammar(schema, {}));
        for (let seed = 0; seed < 6; seed++) {
          const value: unknown = JSON.parse(sampler.sample(seededRandom(seed), 40));
          const characters = Array.from(String(value)).length;
          const keeps = [one, two].every((source) => new RegExp(source, 'u').test(String(value)));
          const fits = lengths.minLength <= characters && characters <= lengths.maxLength;
          expect({ value, seed, keeps, fits }).toEqual({ value, seed, keeps: true, fits: true });
        }
      },
    ),
    { numRuns: 250 },
  );
  expect(held).toBeGreaterThan(50);
});
