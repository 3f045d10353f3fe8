/** Models with recurrent state, which has no cells, so that tokens cannot be removed from the end of a sequence. */
import { type GgufFile, type GgufTensor, i32s, u32 } from './gguf-file.ts';
import {
  attention,
  ends,
  FEED_FORWARD,
  feedForward,
  LAYERS,
  layersOf,
  metadata,
  SIZE,
  type TensorMaker,
  tensorMaker,
} from './tiny-parts.ts';

const INNER = 2 * SIZE;
const STATE = 8;
const RANK = 4;

/** A Mamba of two layers with weights from a fixed seed, and the tokenizer of `tokenizer`. */
export function tinyMamba(tokenizer: GgufFile): GgufFile {
  const make = tensorMaker(11);
  return {
    metadata: metadata(tokenizer, 'mamba', {
      ...stateSpace('mamba'),
      'mamba.feed_forward_length': u32(0),
      'mamba.attention.head_count': u32(0),
    }),
    tensors: [...ends(make, tokenizer), ...layersOf((at) => stateSpaceLayer(make, at))],
  };
}

/** A Jamba of one Mamba layer and one attention layer: a hybrid, whose attention has cells and whose state has none. */
export function tinyJamba(tokenizer: GgufFile): GgufFile {
  const make = tensorMaker(17);
  const layer = (at: string, index: number): GgufTensor[] => [
    ...(index === 0
      ? [
          ...stateSpaceLayer(make, at),
          make.ones(`${at}.ssm_dt_norm.weight`, [RANK]),
          make.ones(`${at}.ssm_b_norm.weight`, [STATE]),
          make.ones(`${at}.ssm_c_norm.weight`, [STATE]),
        ]
      : [make.ones(`${at}.attn_norm.weight`, [SIZE]), ...attention(make, at)]),
    ...feedForward(make, at),
  ];
  return {
    metadata: metadata(tokenizer, 'jamba', {
      ...stateSpace('jamba'),
      ...oneAttentionLayer('jamba'),
    }),
    tensors: [...ends(make, tokenizer), ...layersOf(layer)],
  };
}

/**
 * An LFM2 of one convolution layer and one attention layer: a hybrid.
 *
 * @param windowTokens - Sliding window of the attention layer; undefined: none.
 */
export function tinyLfm2(tokenizer: GgufFile, windowTokens?: number): GgufFile {
  const make = tensorMaker(19);
  const layer = (at: string, index: number): GgufTensor[] => [
    make.ones(`${at}.attn_norm.weight`, [SIZE]),
    ...(index === 0
      ? [
          make.random(`${at}.shortconv.conv.weight`, [3, SIZE], 0.5),
          make.random(`${at}.shortconv.in_proj.weight`, [SIZE, 3 * SIZE], 0.3),
          make.random(`${at}.shortconv.out_proj.weight`, [SIZE, SIZE], 0.3),
        ]
      : [
          ...attention(make, at),
          make.ones(`${at}.attn_q_norm.weight`, [SIZE]),
          make.ones(`${at}.attn_k_norm.weight`, [SIZE]),
        ]),
    ...feedForward(make, at),
  ];
  return {
    metadata: metadata(tokenizer, 'lfm2', {
      ...oneAttentionLayer('lfm2'),
      'lfm2.shortconv.l_cache': u32(3),
      ...(windowTokens !== undefined && {
        'lfm2.attention.sliding_window': u32(windowTokens),
      }),
    }),
    tensors: [...ends(make, tokenizer, 'token_embd_norm'), ...layersOf(layer)],
  };
}

const stateSpace = (architecture: string) => ({
  [`${architecture}.ssm.conv_kernel`]: u32(4),
  [`${architecture}.ssm.inner_size`]: u32(INNER),
  [`${architecture}.ssm.state_size`]: u32(STATE),
  [`${architecture}.ssm.time_step_rank`]: u32(RANK),
});

/** Attention only in the last layer. */
const oneAttentionLayer = (architecture: string) => ({
  [`${architecture}.feed_forward_length`]: u32(FEED_FORWARD),
  [`${architecture}.attention.head_count`]: u32(1),
  [`${architecture}.attention.head_count_kv`]: i32s(
    Array.from({ length: LAYERS }, (_, index) => Number(index === LAYERS - 1)),
  ),
});

const stateSpaceLayer = (make: TensorMaker, at: string): GgufTensor[] => [
  make.ones(`${at}.attn_norm.weight`, [SIZE]),
  make.random(`${at}.ssm_in.weight`, [SIZE, 2 * INNER], 0.3),
  make.random(`${at}.ssm_conv1d.weight`, [4, INNER], 0.5),
  make.random(`${at}.ssm_conv1d.bias`, [INNER], 0.1),
  make.random(`${at}.ssm_x.weight`, [INNER, RANK + 2 * STATE], 0.3),
  make.random(`${at}.ssm_dt.weight`, [RANK, INNER], 0.3),
  make.random(`${at}.ssm_dt.bias`, [INNER], 0.1),
  // Negative, so that the state decays.
  make.filled(`${at}.ssm_a`, [STATE, INNER], (index) => -0.05 * (1 + (index % STATE))),
  make.ones(`${at}.ssm_d`, [INNER]),
  make.random(`${at}.ssm_out.weight`, [INNER, SIZE], 0.3),
];
