import { expect, test } from 'bun:test';

import fc from 'fast-check';

import { StopStrings } from './stop-strings.ts';

function run(
  stops: readonly string[],
  pieces: readonly string[],
): { text: string; matched?: string } {
  const finder = new StopStrings(stops);
  let text = '';
  for (const piece of pieces) {
    const step = finder.push(piece);
    text += step.text;
    if (step.kind === 'stopped') return { text, matched: step.matched };
  }
  return { text: text + finder.end() };
}

test('a possible start of a stop string is held back, and emitted if it is not one', () => {
  const finder = new StopStrings(['END']);

  expect(finder.push('the E')).toEqual({ kind: 'text', text: 'the ' });
  expect(finder.push('N')).toEqual({ kind: 'text', text: '' });
  expect(finder.push('emy')).toEqual({ kind: 'text', text: 'ENemy' });
});

test('a stop string is never part of the text', () => {
  expect(run(['END'], ['one E', 'N', 'D two'])).toEqual({ text: 'one ', matched: 'END' });
});

test('the same stop string matches at the same position in every chunking', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 20 });
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(stop, { minLength: 1, maxLength: 3 }), letters, (stops, text) => {
      expect(run(stops, Array.from(text))).toEqual(run(stops, [text]));
    }),
    { numRuns: 2000 },
  );
});
