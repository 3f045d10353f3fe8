import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { bytesSource, readGguf as readHeader } from '@cortex/engine/gguf';
import { type GgufFile, u32 } from '@cortex/testkit/gguf/gguf-file';
import { changed } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyQwen3Next } from '@cortex/testkit/gguf/tiny-experts';
import { tinyLlama } from '@cortex/testkit/gguf/tiny-llama';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { beforeAll, describe, expect, test } from 'bun:test';

import { type ModelPart, predictionLayersOf } from './prediction-layers.ts';

const CORTEX_TINY = fileURLToPath(new URL('../../../../models/cortex-tiny.gguf', import.meta.url));

async function partOf(file: GgufFile): Promise<ModelPart> {
  const bytes = writeGguf(file);
  const reading = await readHeader(bytesSource(bytes));
  if (reading.kind === 'broken') throw new Error(reading.problem);
  return { header: reading.header, sizeBytes: bytes.length };
}

describe('the prediction layers of a model', () => {
  let tokenizer: GgufFile;
  beforeAll(async () => {
    tokenizer = await readGguf(readFileSync(CORTEX_TINY));
  });

  test('are those that its header declares and its tensors have', async () => {
    const file = tinyQwen3Next(tokenizer, 1);
    const weights = file.tensors.filter(({ name }) => name.startsWith('blk.2.'));

    const layers = predictionLayersOf([await partOf(file)]);

    expect(layers).toEqual({
      // Every tensor of the tiny models fills whole blocks of 32 bytes.
      weightBytes: weights.reduce((sum, { data }) => sum + data.length, 0),
      // A key and a value of 32 numbers of 16 bits.
      cellBytes: 2 * 32 * 2,
      // 3 copies, for 1 layer, of 32-bit numbers: 3 columns of the convolution, and the state.
      stateBytes: 3 * (3 * (32 + 2 * 2 * 16) + 16 * 32) * 4,
    });
  });

  test('are found in a later part of a model that is split', async () => {
    const file = tinyQwen3Next(tokenizer, 1);
    const isLast = ({ name }: { readonly name: string }): boolean => name.startsWith('blk.2.');
    const first = { ...file, tensors: file.tensors.filter((tensor) => !isLast(tensor)) };
    const second = { ...file, tensors: file.tensors.filter(isLast) };
    const parts = [await partOf(first), await partOf(second)];

    expect(predictionLayersOf(parts)).toEqual(predictionLayersOf([await partOf(file)]));
    expect(predictionLayersOf(parts.slice(0, 1))).toBeUndefined();
  });

  test('are absent where a conversion has left them out, and in most models', async () => {
    const declared = changed(tinyQwen3Next(tokenizer), {
      'qwen3next.nextn_predict_layers': u32(1),
      'qwen3next.block_count': u32(3),
    });

    for (const file of [declared, tinyQwen3Next(tokenizer), tinyLlama(tokenizer)]) {
      expect(predictionLayersOf([await partOf(file)])).toBeUndefined();
    }
  });

  test('that are all layers of the file are not layers of a model', async () => {
    const file = changed(tinyQwen3Next(tokenizer, 1), { 'qwen3next.nextn_predict_layers': u32(3) });

    expect(predictionLayersOf([await partOf(file)])).toBeUndefined();
  });
});
