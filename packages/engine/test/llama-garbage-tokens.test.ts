import { afterAll, beforeAll, expect, test } from 'bun:test';

import fc from 'fast-check';

import type { Model } from '../src/llama/binding.ts';
import { cutAtSpecials } from '../src/llama/request/special-cuts.ts';
import { Tokenizer } from '../src/llama/tokenizer.ts';
import { openVocabulary } from './llama-under-test.ts';

let model: Model;
beforeAll(async () => {
  model = await openVocabulary();
});
afterAll(() => model.dispose());

test('a long text has the same tokens in pieces as in one', () => {
  const part = fc.constantFrom(
    '<|im_end|>',
    '<|im_start|>',
    '</think>',
    '<tool_call>',
    '<|im_',
    '\n',
    ' ',
    '17',
    '4',
    'Sofia',
    'cortex',
    'żółć 漢字 🦙',
    'a',
    '. The',
  );

  fc.assert(
    fc.property(fc.array(part, { minLength: 1000, maxLength: 2000, size: 'max' }), (parts) => {
      const text = parts.join('');

      expect(cutAtSpecials(text, model.specialTexts).length).toBeGreaterThan(1);
      expect(
        new Tokenizer(model).tokenize(text, { addSpecial: false, parseSpecial: true }),
      ).toEqual(Array.from(model.tokenize(text, { parseSpecial: true })));
    }),
    { numRuns: 30 },
  );
});

test('no text has more tokens than its length allows', () => {
  const tokenizer = new Tokenizer(model);

  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400, size: 'max' }), (text) => {
      const tokens = tokenizer.tokenize(text, { addSpecial: false, parseSpecial: true });

      expect(tokens.length).toBeGreaterThanOrEqual(text === '' ? 0 : tokenizer.leastTokens(text));
    }),
  );
});
