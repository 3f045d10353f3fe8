import { describe, expect, test } from 'bun:test';

import { parseWithMarks, upToEnd, withEnd, withMarks, withNumbers } from './marked-text.ts';

/** Prints a value like the library's renderer: with six digits for a fraction. */
const printed = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isInteger(item) ? Number(item.toPrecision(6)) : item,
  );

describe('numbers in the input of a template', () => {
  test.each([
    '{"lat":48.858844,"lon":-2.294351}',
    '{"id":1234567890123456789}',
    '[12345678901234567890,1e300,-1.2345678E-7,0.1,7,100000.5]',
    '{"a":"48.858844 \\"48.858844\\" \\\\","48.858844":{"b":[1234567.891]}}',
  ])('are rendered unchanged: %s', (json) => {
    expect(withNumbers(printed(parseWithMarks(json)))).toBe(json);
  });

  test('stay unquoted where a template prints them bare or in JSON text', () => {
    const marked = Object(parseWithMarks('{"lat":48.858844}'));

    expect(withNumbers(`<lat>${marked.lat}</lat>`)).toBe('<lat>48.858844</lat>');
    expect(withNumbers(JSON.stringify(JSON.stringify(marked)))).toBe(
      String.raw`"{\"lat\":48.858844}"`,
    );
  });

  test('stay numbers if the renderer prints them correctly', () => {
    expect(withMarks({ a: 3, b: 0.25, c: 9_007_199_254_740_991 })).toEqual({
      a: 3,
      b: 0.25,
      c: 9_007_199_254_740_991,
    });
  });

  test('are found after a megabyte of escapes', () => {
    const text = '\n"'.repeat(500_000);

    expect(withMarks({ text })).toEqual({ text });
  });
});

test('the end of a partial answer to be continued is found even if the same text follows it', () => {
  expect(upToEnd(`<|im_start|>${withEnd('<')}<|im_end|>`)).toBe('<|im_start|><');
  expect(upToEnd('nothing of it')).toBeUndefined();
});
