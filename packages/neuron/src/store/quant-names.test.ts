import { expect, test } from 'bun:test';

import { nearestQuants, quantOfName } from './quant-names.ts';

test.each([
  ['Qwen3-8B-Q4_K_M', 'Q4_K_M'],
  ['x.IQ2_XXS', 'IQ2_XXS'],
  ['gpt-oss-20b-mxfp4', 'MXFP4'],
  ['m-UD-Q4_K_XL', 'UD-Q4_K_XL'],
  ['org/Q8_0', 'Q8_0'],
  ['Q4_K_M/model', 'Q4_K_M'],
  ['BF16/model-Q8_0', 'Q8_0'],
  ['cortex-tiny', undefined],
  ['Qwen3', undefined],
])('the quantisation of %s is %p', (name, quant) => {
  expect(quantOfName(name)).toBe(quant);
});

test('the nearest quantisations have the same number of bits, then a similar name', () => {
  const nearest = nearestQuants('q5_k', ['Q8_0', 'Q4_K_M', 'Q5_K_M', 'Q5_K_S', 'F16', 'Q5_K_M']);

  expect(nearest).toEqual(['Q5_K_M', 'Q5_K_S', 'Q4_K_M', 'Q8_0', 'F16']);
});
