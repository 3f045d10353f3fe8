/** Models with experts, of which each token uses some. */
import { f32, type GgufFile, type GgufTensor, u32 } from './gguf-file.ts';
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

const EXPERTS = 4;

const experts = (make: TensorMaker, at: string): GgufTensor[] => [
  make.random(`${at}.ffn_gate_inp.weight`, [SIZE, EXPERTS], 0.3),
  make.random(`${at}.ffn_gate_exps.weight`, [SIZE, FEED_FORWARD, EXPERTS], 0.3),
  make.random(`${at}.ffn_up_exps.weight`, [SIZE, FEED_FORWARD, EXPERTS], 0.3),
  make.random(`${at}.ffn_down_exps.weight`, [FEED_FORWARD, SIZE, EXPERTS], 0.3),
];

/** Experts that every token uses. */
const sharedExperts = (make: TensorMaker, at: string): GgufTensor[] => [
  make.random(`${at}.ffn_gate_shexp.weight`, [SIZE, FEED_FORWARD], 0.3),
  make.random(`${at}.ffn_up_shexp.weight`, [SIZE, FEED_FORWARD], 0.3),
  make.random(`${at}.ffn_down_shexp.weight`, [FEED_FORWARD, SIZE], 0.3),
];

const expertFields = (architecture: string) => ({
  [`${architecture}.feed_forward_length`]: u32(FEED_FORWARD),
  [`${architecture}.expert_feed_forward_length`]: u32(FEED_FORWARD),
  [`${architecture}.expert_count`]: u32(EXPERTS),
  [`${architecture}.expert_used_count`]: u32(2),
  [`${architecture}.rope.freq_base`]: f32(10_000),
});

const oneHead = (architecture: string) => ({
  [`${architecture}.attention.head_count`]: u32(1),
  [`${architecture}.attention.head_count_kv`]: u32(1),
  [`${architecture}.attention.key_length`]: u32(SIZE),
  [`${architecture}.attention.value_length`]: u32(SIZE),
  [`${architecture}.rope.dimension_count`]: u32(SIZE),
});

/** A Qwen3 MoE of two layers with weights from a fixed seed, and the tokenizer of `tokenizer`. */
export function tinyQwen3Moe(tokenizer: GgufFile): GgufFile {
  const make = tensorMaker(37);
  const norms = ['attn_norm', 'attn_q_norm', 'attn_k_norm', 'ffn_norm'];
  return {
    metadata: metadata(tokenizer, 'qwen3moe', {
      ...expertFields('qwen3moe'),
      ...oneHead('qwen3moe'),
    }),
    tensors: [
      ...ends(make, tokenizer),
      ...layersOf((at) => [
        ...norms.map((name) => make.ones(`${at}.${name}.weight`, [SIZE])),
        ...attention(make, at),
        ...experts(make, at),
      ]),
    ],
  };
}

/** A gpt-oss of two layers, one with a sliding window: experts with biases, and attention sinks. */
export function tinyGptOss(tokenizer: GgufFile, windowTokens: number): GgufFile {
  const make = tensorMaker(41);
  return {
    metadata: metadata(tokenizer, 'gpt-oss', {
      ...expertFields('gpt-oss'),
      ...oneHead('gpt-oss'),
      'gpt-oss.attention.sliding_window': u32(windowTokens),
    }),
    tensors: [
      ...ends(make, tokenizer),
      ...layersOf((at) => [
        make.ones(`${at}.attn_norm.weight`, [SIZE]),
        make.ones(`${at}.post_attention_norm.weight`, [SIZE]),
        make.ones(`${at}.attn_sinks.weight`, [1]),
        ...attention(make, at),
        make.ones(`${at}.attn_output.bias`, [SIZE]),
        ...experts(make, at),
        make.ones(`${at}.ffn_gate_inp.bias`, [EXPERTS]),
        make.ones(`${at}.ffn_gate_exps.bias`, [FEED_FORWARD, EXPERTS]),
        make.ones(`${at}.ffn_up_exps.bias`, [FEED_FORWARD, EXPERTS]),
        make.ones(`${at}.ffn_down_exps.bias`, [SIZE, EXPERTS]),
      ]),
    ],
  };
}

const HEADS = 2;
const RANK = 16;
const ROPE = 8;
const NOPE = 16;
const VALUE = 16;

/**
 * A DeepSeek 2 of two layers, the first without experts: its attention (MLA) keeps one small vector per token for all
 * heads.
 */
export function tinyDeepSeek2(tokenizer: GgufFile): GgufFile {
  const make = tensorMaker(43);
  const layer = (at: string, index: number): GgufTensor[] => [
    make.ones(`${at}.attn_norm.weight`, [SIZE]),
    make.ones(`${at}.attn_q_a_norm.weight`, [RANK]),
    make.ones(`${at}.attn_kv_a_norm.weight`, [RANK]),
    make.random(`${at}.attn_q_a.weight`, [SIZE, RANK], 0.4),
    make.random(`${at}.attn_q_b.weight`, [RANK, HEADS * (NOPE + ROPE)], 0.4),
    make.random(`${at}.attn_kv_a_mqa.weight`, [SIZE, RANK + ROPE], 0.4),
    make.random(`${at}.attn_k_b.weight`, [NOPE, RANK, HEADS], 0.4),
    make.random(`${at}.attn_v_b.weight`, [RANK, VALUE, HEADS], 0.4),
    make.random(`${at}.attn_output.weight`, [HEADS * VALUE, SIZE], 0.4),
    ...(index === 0
      ? feedForward(make, at)
      : [
          make.ones(`${at}.ffn_norm.weight`, [SIZE]),
          ...experts(make, at),
          ...sharedExperts(make, at),
        ]),
  ];
  return {
    metadata: metadata(tokenizer, 'deepseek2', {
      ...expertFields('deepseek2'),
      'deepseek2.leading_dense_block_count': u32(1),
      'deepseek2.expert_shared_count': u32(1),
      'deepseek2.expert_weights_scale': f32(1),
      'deepseek2.attention.head_count': u32(HEADS),
      'deepseek2.attention.head_count_kv': u32(1),
      'deepseek2.attention.key_length': u32(RANK + ROPE),
      'deepseek2.attention.value_length': u32(RANK),
      'deepseek2.attention.key_length_mla': u32(NOPE + ROPE),
      'deepseek2.attention.value_length_mla': u32(VALUE),
      'deepseek2.attention.q_lora_rank': u32(RANK),
      'deepseek2.attention.kv_lora_rank': u32(RANK),
      'deepseek2.rope.dimension_count': u32(ROPE),
    }),
    tensors: [...ends(make, tokenizer), ...layersOf(layer)],
  };
}

const STATE = 16;
const STATE_HEADS = 2;
const INNER = STATE * STATE_HEADS;
const KERNEL = 4;

/**
 * A Qwen3-Next of one layer with linear attention, whose state has no cells, and one with full attention: a hybrid.
 *
 * @param predictionLayers - Layers after these that predict further tokens (MTP): 0 or 1.
 */
export function tinyQwen3Next(tokenizer: GgufFile, predictionLayers: 0 | 1 = 0): GgufFile {
  const make = tensorMaker(47);
  const linear = (at: string): GgufTensor[] => [
    make.random(`${at}.attn_qkv.weight`, [SIZE, 3 * INNER], 0.3),
    make.random(`${at}.attn_gate.weight`, [SIZE, INNER], 0.3),
    make.random(`${at}.ssm_conv1d.weight`, [KERNEL, 3 * INNER], 0.3),
    make.ones(`${at}.ssm_dt.bias`, [STATE_HEADS]),
    make.filled(`${at}.ssm_a`, [STATE_HEADS], () => -1),
    make.random(`${at}.ssm_ba.weight`, [SIZE, 2 * STATE_HEADS], 0.3),
    make.ones(`${at}.ssm_norm.weight`, [STATE]),
    make.random(`${at}.ssm_out.weight`, [INNER, SIZE], 0.3),
  ];
  const full = (at: string): GgufTensor[] => [
    make.random(`${at}.attn_q.weight`, [SIZE, 2 * SIZE], 0.4),
    ...['attn_k', 'attn_v', 'attn_output'].map((name) =>
      make.random(`${at}.${name}.weight`, [SIZE, SIZE], 0.4),
    ),
    make.ones(`${at}.attn_q_norm.weight`, [SIZE]),
    make.ones(`${at}.attn_k_norm.weight`, [SIZE]),
  ];
  const predicts = (at: string): GgufTensor[] => [
    make.random(`${at}.nextn.eh_proj.weight`, [2 * SIZE, SIZE], 0.3),
    make.ones(`${at}.nextn.enorm.weight`, [SIZE]),
    make.ones(`${at}.nextn.hnorm.weight`, [SIZE]),
  ];
  const layer = (at: string, index: number): GgufTensor[] => [
    make.ones(`${at}.attn_norm.weight`, [SIZE]),
    make.ones(`${at}.post_attention_norm.weight`, [SIZE]),
    ...(index === 0 ? linear(at) : full(at)),
    ...(index < LAYERS ? [] : predicts(at)),
    ...experts(make, at),
    make.ones(`${at}.ffn_gate_inp_shexp.weight`, [SIZE]),
    ...sharedExperts(make, at),
  ];
  return {
    metadata: metadata(tokenizer, 'qwen3next', {
      ...expertFields('qwen3next'),
      ...oneHead('qwen3next'),
      'qwen3next.expert_shared_feed_forward_length': u32(FEED_FORWARD),
      'qwen3next.full_attention_interval': u32(2),
      'qwen3next.ssm.conv_kernel': u32(KERNEL),
      'qwen3next.ssm.inner_size': u32(INNER),
      'qwen3next.ssm.state_size': u32(STATE),
      'qwen3next.ssm.time_step_rank': u32(STATE_HEADS),
      'qwen3next.ssm.group_count': u32(STATE_HEADS),
      'qwen3next.block_count': u32(LAYERS + predictionLayers),
      ...(predictionLayers > 0 && { 'qwen3next.nextn_predict_layers': u32(predictionLayers) }),
    }),
    tensors: [...ends(make, tokenizer), ...layersOf(layer, LAYERS + predictionLayers)],
  };
}
