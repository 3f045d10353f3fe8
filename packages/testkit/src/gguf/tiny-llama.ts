import { f32, type GgufFile, u32 } from './gguf-file.ts';
import {
  attention,
  ends,
  FEED_FORWARD,
  feedForward,
  layersOf,
  metadata,
  SIZE,
  tensorMaker,
} from './tiny-parts.ts';

/**
 * A Llama of two layers with weights from a fixed seed and the tokenizer of `tokenizer`. It reads prompts ten times
 * as fast as cortex-tiny, for tests of cells that do not depend on the text.
 */
export function tinyLlama(tokenizer: GgufFile): GgufFile {
  const make = tensorMaker(31);
  return {
    metadata: metadata(tokenizer, 'llama', {
      'llama.feed_forward_length': u32(FEED_FORWARD),
      'llama.attention.head_count': u32(1),
      'llama.attention.head_count_kv': u32(1),
      'llama.rope.dimension_count': u32(SIZE),
      'llama.rope.freq_base': f32(10_000),
    }),
    tensors: [
      ...ends(make, tokenizer),
      ...layersOf((at) => [
        make.ones(`${at}.attn_norm.weight`, [SIZE]),
        ...attention(make, at),
        ...feedForward(make, at),
      ]),
    ],
  };
}
