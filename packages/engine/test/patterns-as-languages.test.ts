import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { documentGrammar } from '../src/grammar/answer-grammar.ts';
import { matches, patternLanguage } from '../src/grammar/pattern-language.ts';
import { UnsupportedPattern } from '../src/grammar/pattern-syntax.ts';
import { Languages } from '../src/grammar/regular-language.ts';
import { GbnfSampler } from './gbnf-sampler.ts';
import { refusalOf } from './schemas-under-test.ts';

/** Patterns of few characters, so that texts of few characters meet them. */
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

test('a pattern as a language holds the texts in which it is found, and no others', () => {
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

test('what the grammar of several patterns and lengths lets through keeps to all of them', () => {
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
        for (let i = 0; i < 6; i++) {
          const value: unknown = JSON.parse(sampler.sample(Math.random, 40));
          const characters = Array.from(String(value)).length;
          const keeps = [one, two].every((source) => new RegExp(source, 'u').test(String(value)));
          expect({ value, keeps }).toEqual({ value, keeps: true });
          expect(characters).toBeGreaterThanOrEqual(lengths.minLength);
          expect(characters).toBeLessThanOrEqual(lengths.maxLength);
        }
      },
    ),
    { numRuns: 250 },
  );
  expect(held).toBeGreaterThan(50);
});
