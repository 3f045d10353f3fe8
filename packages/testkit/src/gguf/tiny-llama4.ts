import { f32, type GgufFile, type GgufTensor, u32 } from './gguf-file.ts';
import {
  attention,
  ends,
  FEED_FORWARD,
  layersOf,
  metadata,
  SIZE,
  tensorMaker,
} from './tiny-parts.ts';

const EXPERTS = 2;

/** Every fourth layer has full attention; without one llama.cpp aborts. */
const BLOCKS = 4;

/** Tokens per attention chunk in Llama 4. llama.cpp hard-codes this number; files do not contain it. */
export const LLAMA4_CHUNK_TOKENS = 8192;

/**
 * A Llama 4 of four layers, three of them with chunked attention, with weights from a fixed seed and the tokenizer
 * of `tokenizer`: the library drops the cells of earlier chunks, although the metadata has no window.
 */
export function tinyLlama4(tokenizer: GgufFile): GgufFile {
  const make = tensorMaker(23);
  const layer = (at: string): GgufTensor[] => [
    make.ones(`${at}.attn_norm.weight`, [SIZE]),
    ...attention(make, at),
    make.ones(`${at}.ffn_norm.weight`, [SIZE]),
    make.random(`${at}.ffn_gate_inp.weight`, [SIZE, EXPERTS], 0.3),
    ...['gate', 'up'].flatMap((name) => [
      make.random(`${at}.ffn_${name}_exps.weight`, [SIZE, FEED_FORWARD, EXPERTS], 0.3),
      make.random(`${at}.ffn_${name}_shexp.weight`, [SIZE, FEED_FORWARD], 0.3),
    ]),
    make.random(`${at}.ffn_down_exps.weight`, [FEED_FORWARD, SIZE, EXPERTS], 0.3),
    make.random(`${at}.ffn_down_shexp.weight`, [FEED_FORWARD, SIZE], 0.3),
  ];
  return {
    metadata: metadata(tokenizer, 'llama4', {
      'llama4.block_count': u32(BLOCKS),
      'llama4.context_length': u32(4 * LLAMA4_CHUNK_TOKENS),
      'llama4.feed_forward_length': u32(FEED_FORWARD),
      'llama4.expert_feed_forward_length': u32(FEED_FORWARD),
      'llama4.expert_count': u32(EXPERTS),
      'llama4.expert_used_count': u32(1),
      'llama4.interleave_moe_layer_step': u32(1),
      'llama4.attention.head_count': u32(1),
      'llama4.attention.head_count_kv': u32(1),
      'llama4.rope.dimension_count': u32(SIZE),
      'llama4.rope.freq_base': f32(10_000),
    }),
    tensors: [...ends(make, tokenizer), ...layersOf(layer, BLOCKS)],
  };
}
