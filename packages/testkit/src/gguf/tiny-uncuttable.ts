import { gaussian } from './gaussian.ts';
import {
  f32,
  f32Tensor,
  type GgufFile,
  type GgufTensor,
  type GgufValue,
  text,
  u32,
} from './gguf-file.ts';

const SIZE = 32;
const LAYERS = 2;

/**
 * A Mamba of two layers with weights from a fixed seed, and the tokenizer of `tokenizer`: its state is no cells, so that
 * no token can be cut off the end of a sequence.
 */
export function tinyMamba(tokenizer: GgufFile): GgufFile {
  const inner = 2 * SIZE;
  const state = 8;
  const rank = 4;
  const make = tensorMaker(11);
  const layer = (at: string): GgufTensor[] => [
    make.ones(`${at}.attn_norm.weight`, [SIZE]),
    make.random(`${at}.ssm_in.weight`, [SIZE, 2 * inner], 0.3),
    make.random(`${at}.ssm_conv1d.weight`, [4, inner], 0.5),
    make.random(`${at}.ssm_conv1d.bias`, [inner], 0.1),
    make.random(`${at}.ssm_x.weight`, [inner, rank + 2 * state], 0.3),
    make.random(`${at}.ssm_dt.weight`, [rank, inner], 0.3),
    make.random(`${at}.ssm_dt.bias`, [inner], 0.1),
    // Below zero: what the state holds fades.
    make.filled(`${at}.ssm_a`, [state, inner], (index) => -0.05 * (1 + (index % state))),
    make.ones(`${at}.ssm_d`, [inner]),
    make.random(`${at}.ssm_out.weight`, [inner, SIZE], 0.3),
  ];
  return {
    metadata: metadata(tokenizer, 'mamba', {
      'mamba.ssm.conv_kernel': u32(4),
      'mamba.ssm.inner_size': u32(inner),
      'mamba.ssm.state_size': u32(state),
      'mamba.ssm.time_step_rank': u32(rank),
      'mamba.feed_forward_length': u32(0),
      'mamba.attention.head_count': u32(0),
    }),
    tensors: [
      make.random('token_embd.weight', [SIZE, vocabularySize(tokenizer)], 1),
      make.ones('output_norm.weight', [SIZE]),
      ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
    ],
  };
}

/**
 * A Gemma 3 of two layers, one with a sliding window, with weights from a fixed seed and the tokenizer of `tokenizer`:
 * cells that the window has left are gone.
 */
export function tinyGemma(tokenizer: GgufFile, windowTokens: number): GgufFile {
  const feedForward = 64;
  const make = tensorMaker(13);
  const layer = (at: string): GgufTensor[] => [
    ...[
      'attn_norm',
      'post_attention_norm',
      'ffn_norm',
      'post_ffw_norm',
      'attn_q_norm',
      'attn_k_norm',
    ].map((name) => make.ones(`${at}.${name}.weight`, [SIZE])),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
      make.random(`${at}.${name}.weight`, [SIZE, SIZE], 0.4),
    ),
    make.random(`${at}.ffn_gate.weight`, [SIZE, feedForward], 0.3),
    make.random(`${at}.ffn_up.weight`, [SIZE, feedForward], 0.3),
    make.random(`${at}.ffn_down.weight`, [feedForward, SIZE], 0.3),
  ];
  return {
    metadata: metadata(tokenizer, 'gemma3', {
      'gemma3.feed_forward_length': u32(feedForward),
      'gemma3.attention.head_count': u32(1),
      'gemma3.attention.head_count_kv': u32(1),
      'gemma3.attention.key_length': u32(SIZE),
      'gemma3.attention.value_length': u32(SIZE),
      'gemma3.attention.sliding_window': u32(windowTokens),
      'gemma3.attention.sliding_window_pattern': u32(2),
      'gemma3.rope.freq_base': f32(10_000),
    }),
    tensors: [
      make.random('token_embd.weight', [SIZE, vocabularySize(tokenizer)], 0.3),
      // Not the embeddings again: the token before would always be the likeliest.
      make.random('output.weight', [SIZE, vocabularySize(tokenizer)], 1),
      make.ones('output_norm.weight', [SIZE]),
      ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
    ],
  };
}

function metadata(
  tokenizer: GgufFile,
  architecture: string,
  own: Readonly<Record<string, GgufValue>>,
): GgufFile['metadata'] {
  const taken = [...tokenizer.metadata].filter(
    ([key]) => key.startsWith('tokenizer.') && key !== 'tokenizer.chat_template',
  );
  return new Map([
    ['general.architecture', text(architecture)],
    ['general.name', text(`tiny ${architecture}`)],
    [`${architecture}.context_length`, u32(8192)],
    [`${architecture}.embedding_length`, u32(SIZE)],
    [`${architecture}.block_count`, u32(LAYERS)],
    [`${architecture}.attention.layer_norm_rms_epsilon`, f32(1e-6)],
    ...Object.entries(own),
    ...taken,
  ]);
}

function vocabularySize({ metadata: entries }: GgufFile): number {
  const tokens = entries.get('tokenizer.ggml.tokens');
  if (tokens?.type !== 'array') throw new TypeError('a file without vocabulary');
  return tokens.values.length;
}

interface TensorMaker {
  random(name: string, shape: readonly number[], scale: number): GgufTensor;
  ones(name: string, shape: readonly number[]): GgufTensor;
  filled(name: string, shape: readonly number[], at: (index: number) => number): GgufTensor;
}

function tensorMaker(seed: number): TensorMaker {
  const next = gaussian(seed);
  const filled: TensorMaker['filled'] = (name, shape, at) => {
    const length = shape.reduce((product, side) => product * side, 1);
    return f32Tensor(
      name,
      shape,
      Float32Array.from({ length }, (_, index) => at(index)),
    );
  };
  return {
    filled,
    random: (name, shape, scale) => filled(name, shape, () => next() * scale),
    ones: (name, shape) => filled(name, shape, () => 1),
  };
}
