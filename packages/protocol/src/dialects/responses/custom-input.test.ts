import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { CustomInput } from './custom-input.ts';

/** The parts of the input that these parts of the arguments give, the last one at the end. */
function read(...parts: readonly string[]): readonly string[] {
  const input = new CustomInput();
  return [...parts.map((part) => input.push(part)), input.end()];
}

/** `text` cut at these places. */
const cut = (text: string, places: readonly number[]): readonly string[] => {
  const at = [
    0,
    ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b),
    text.length,
  ];
  return at.slice(1).map((end, index) => text.slice(at[index], end));
};

const anyText = fc.string({ unit: 'binary', maxLength: 30 });

describe('The input of a custom tool', () => {
  test('comes as it is written', () => {
    expect(read('{"inp', 'ut": "a', 'b\\', 'nc', '"}')).toEqual(['', 'a', 'b', '\nc', '', '']);
  });

  test('never has half a character', () => {
    expect(read('{"input":"\\ud83d', '\\udc4d"}')).toEqual(['', '👍', '']);
  });

  test.each([
    ['{"patch":"a"}', 'a'],
    ['{"why":"a","input":"b"}', 'b'],
    ['{"a":"b","c":"d"}', '{"a":"b","c":"d"}'],
    ['"a"', 'a'],
    ['{}', ''],
    ['[1]', '[1]'],
    ['{"input":1}', '{"input":1}'],
    ['*** Begin Patch', '*** Begin Patch'],
    ['{"input"', ''],
    ['', ''],
    ['{"input":"a\\u00e9\\/\\"\\q\\uzzzz', 'aé/"q'],
    ['{"input":"a\nb"}', 'a\nb'],
    ['{"input":"a","b":"c"}', 'a'],
  ])('in %j is %j', (text, expected) => {
    expect(read(text).join('')).toBe(expected);
  });

  test('is the text that was written, in all parts and all spellings of JSON', () => {
    const places = fc.array(fc.nat(200), { maxLength: 8 });
    const indent = fc.constantFrom('', '  ', '\t');
    fc.assert(
      fc.property(anyText, places, indent, (text, at, space) => {
        const json = JSON.stringify({ input: text }, undefined, space);

        expect(read(...cut(json, at)).join('')).toBe(text);
      }),
    );
  });

  test('does not depend on how the arguments are cut', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          anyText.map((text) => `{"input":"${text}`),
        ),
        fc.array(fc.nat(60), { maxLength: 8 }),
        (text, at) => {
          expect(read(...cut(text, at)).join('')).toBe(read(text).join(''));
        },
      ),
    );
  });
});
