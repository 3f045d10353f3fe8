import { expect, test } from 'bun:test';

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { f32Tensor, type GgufFile, text, texts, u32 } from './gguf-file.ts';
import { readGguf } from './read-gguf.ts';
import { writeGguf } from './write-gguf.ts';

const TINY = fileURLToPath(new URL('../../../../models/cortex-tiny.gguf', import.meta.url));

test('the bytes of a GGUF file survive read and write', async () => {
  const bytes = new Uint8Array(readFileSync(TINY));

  expect(Buffer.compare(writeGguf(await readGguf(bytes)), bytes)).toBe(0);
});

test('the content of a GGUF file survives write and read', async () => {
  const file: GgufFile = {
    metadata: new Map([
      ['general.architecture', text('bert')],
      ['bert.block_count', u32(2)],
      ['tokenizer.ggml.tokens', texts(['grün', '世界'])],
    ]),
    tensors: [
      f32Tensor('a', [3], Float32Array.of(1, 2, 3)),
      f32Tensor('b', [1, 1], Float32Array.of(4)),
    ],
  };

  const read = await readGguf(writeGguf(file));

  expect(read.metadata).toEqual(file.metadata);
  expect(read.tensors.map(({ name, shape }) => [name, shape])).toEqual([
    ['a', [3]],
    ['b', [1, 1]],
  ]);
  expect(read.tensors[0]?.data.subarray(0, 12)).toEqual(file.tensors[0]?.data ?? new Uint8Array());
});

test('a tensor whose values do not match its shape is refused', () => {
  expect(() => f32Tensor('a', [2, 2], Float32Array.of(1))).toThrow('a: 1 values do not fill 2×2');
});
