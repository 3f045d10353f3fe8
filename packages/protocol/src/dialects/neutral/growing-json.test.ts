import { expect, test } from 'bun:test';
import * as fc from 'fast-check';

import { GrowingJson } from './growing-json.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('JSON that grows is whole whenever the text so far is JSON, wherever it is cut', () => {
  const anyText = fc.oneof(
    fc.json(),
    fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '1', 'a', ' ') }),
    fc.tuple(fc.json(), fc.constantFrom('', ' ', '\n', '}', '{}')).map((both) => both.join('')),
  );
  fc.assert(
    fc.property(anyText, fc.array(fc.nat(40), { maxLength: 8 }), (text, places) => {
      const json = new GrowingJson();
      const ends = [...places.filter((at) => at < text.length), text.length].toSorted(
        (a, b) => a - b,
      );
      for (const [index, end] of ends.entries()) {
        json.push(text.slice(ends[index - 1] ?? 0, end));
        expect(json.isWhole).toBe(isJson(text.slice(0, end)));
      }
      expect(json.text).toBe(text);
    }),
    { numRuns: 1000 },
  );
});
