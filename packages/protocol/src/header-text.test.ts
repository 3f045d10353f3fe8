import { expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { toHeaderText } from './header-text.ts';

test.each([
  ['Qwen/Qwen3-8B:Q4_K_M', 'Qwen/Qwen3-8B:Q4_K_M'],
  ['模型', '%E6%A8%A1%E5%9E%8B'],
  ['my model', 'my%20model'],
  ['a\r\nset-cookie: b', 'a%0D%0Aset-cookie:%20b'],
  ['50%', '50%25'],
  ['', ''],
])('header text of %p is %p', (text, header) => {
  expect(toHeaderText(text)).toBe(header);
});

test('header text is visible ASCII and decodes to the original text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const header = toHeaderText(text);

      expect(header).toMatch(/^[\x21-\x7e]*$/);
      expect(decodeURIComponent(header)).toBe(text.toWellFormed());
    }),
  );
});
