import { expect, test } from 'bun:test';

import { parseModelArgument } from './model-argument.ts';

test.each([
  ['qwen3', { model: 'qwen3' }],
  ['org/repo', { model: 'org/repo' }],
  ['qwen3:8b', { model: 'qwen3:8b' }],
  ['hf:org/repo', { model: 'org/repo', source: 'hf:org/repo' }],
  ['hf:org/repo:Q4_K_M', { model: 'org/repo', source: 'hf:org/repo', quant: 'Q4_K_M' }],
  ['hf:org/repo@v1:Q8_0', { model: 'org/repo', source: 'hf:org/repo@v1', quant: 'Q8_0' }],
  ['hf:org/repo:a/m.gguf', { model: 'org/repo', source: 'hf:org/repo:a/m.gguf' }],
  ['https://host/a/m-Q8_0.gguf?x=1', { model: 'm-Q8_0', source: 'https://host/a/m-Q8_0.gguf?x=1' }],
])('the argument %s is read as model, source and quantisation', (text, parsed) => {
  expect(parseModelArgument(text)).toEqual(parsed);
});
