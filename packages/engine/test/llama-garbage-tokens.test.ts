import { afterAll, beforeAll, expect, test } from 'bun:test';

import fc from 'fast-check';

import type { Model } from '../src/llama/binding.ts';
import { Tokenizer } from '../src/llama/tokenizer.ts';
import { openVocabulary } from './llama-under-test.ts';

let model: Model;
beforeAll(async () => {
  model = await openVocabulary();
});
afterAll(() => model.dispose());

test('no text has more tokens than the upper bound for its length', async () => {
  const tokenizer = new Tokenizer(model.vocabulary);
  const options = { addSpecial: false, parseSpecial: true };

  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 400, size: 'max' }), async (text) => {
      const tokens = await tokenizer.tokenize(text, options, () => undefined);

      expect(tokens.length).toBeGreaterThanOrEqual(text === '' ? 0 : tokenizer.leastTokens(text));
    }),
  );
});
