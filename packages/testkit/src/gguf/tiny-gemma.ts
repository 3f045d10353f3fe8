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
 * A Gemma 3 of two layers, one with a sliding window, with weights from a fixed seed and the tokenizer of
 * `tokenizer`: the library drops the cells that leave the window.
 */
export function tinyGemma(tokenizer: GgufFile, windowTokens: number): GgufFile {
  const make = tensorMaker(13);
  const norms = ['attn_norm', 'post_attention_norm', 'post_ffw_norm', 'attn_q_norm', 'attn_k_norm'];
  return {
    metadata: metadata(tokenizer, 'gemma3', {
      'gemma3.feed_forward_length': u32(FEED_FORWARD),
      'gemma3.attention.head_count': u32(1),
      'gemma3.attention.head_count_kv': u32(1),
      'gemma3.attention.key_length': u32(SIZE),
      'gemma3.attention.value_length': u32(SIZE),
      'gemma3.attention.sliding_window': u32(windowTokens),
      'gemma3.attention.sliding_window_pattern': u32(2),
      'gemma3.rope.freq_base': f32(10_000),
    }),
    tensors: [
      ...ends(make, tokenizer),
      ...layersOf((at) => [
        ...norms.map((name) => make.ones(`${at}.${name}.weight`, [SIZE])),
        ...attention(make, at),
        ...feedForward(make, at),
      ]),
    ],
  };
}
