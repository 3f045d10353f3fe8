import {
  f32,
  f32Tensor,
  type GgufFile,
  type GgufTensor,
  type GgufValue,
  text,
  u32,
} from './gguf-file.ts';

/** Tokens of the Qwen vocabularies, among the largest in use. */
export const LARGE_VOCABULARY = 151_936;

const SIZE = 256;
const LAYERS = 4;
const FEED_FORWARD = 768;
const HEADS = 4;

/** The number of the ggml type, and the size of its blocks. */
const Q8_0 = { type: 8, values: 32, bytes: 34 };

/**
 * A Llama of four layers with random weights and a vocabulary of 151,936 tokens: those of `tokenizer`, and unused
 * ones. For measuring steps that are dominated by the output layer and sampling. 87 MB.
 */
export function largeVocabularyModel(tokenizer: GgufFile): GgufFile {
  const make = weightMaker(29);
  const layer = (at: string): GgufTensor[] => [
    make.ones(`${at}.attn_norm.weight`),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
      make.random(`${at}.${name}.weight`, [SIZE, SIZE], 0.06),
    ),
    make.ones(`${at}.ffn_norm.weight`),
    make.random(`${at}.ffn_gate.weight`, [SIZE, FEED_FORWARD], 0.06),
    make.random(`${at}.ffn_up.weight`, [SIZE, FEED_FORWARD], 0.06),
    make.random(`${at}.ffn_down.weight`, [FEED_FORWARD, SIZE], 0.06),
  ];
  return {
    metadata: new Map([
      ['general.architecture', text('llama')],
      ['general.name', text('large vocabulary')],
      ['llama.context_length', u32(8192)],
      ['llama.embedding_length', u32(SIZE)],
      ['llama.block_count', u32(LAYERS)],
      ['llama.feed_forward_length', u32(FEED_FORWARD)],
      ['llama.attention.head_count', u32(HEADS)],
      ['llama.attention.head_count_kv', u32(HEADS)],
      ['llama.attention.layer_norm_rms_epsilon', f32(1e-6)],
      ['llama.rope.dimension_count', u32(SIZE / HEADS)],
      ['llama.rope.freq_base', f32(10_000)],
      ...[...tokenizer.metadata]
        .filter(([key]) => key.startsWith('tokenizer.'))
        .map(([key, value]): [string, GgufValue] => [key, extended(key, value)]),
    ]),
    tensors: [
      make.random('token_embd.weight', [SIZE, LARGE_VOCABULARY], 1),
      make.random('output.weight', [SIZE, LARGE_VOCABULARY], 0.2),
      make.ones('output_norm.weight'),
      ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
    ],
  };
}

/** Lists with one entry per token get one for each added token. */
function extended(key: string, value: GgufValue): GgufValue {
  if (value.type !== 'array') return value;
  const further = Array.from(
    { length: LARGE_VOCABULARY - value.values.length },
    (_, index) => index,
  );
  if (key === 'tokenizer.ggml.tokens')
    return { ...value, values: [...value.values, ...further.map((index) => `further${index}`)] };
  const NORMAL = 1;
  return key === 'tokenizer.ggml.token_type'
    ? { ...value, values: [...value.values, ...further.map(() => NORMAL)] }
    : value;
}

function weightMaker(seed: number) {
  let state = seed;
  const nextByte = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  };
  return {
    ones: (name: string): GgufTensor => f32Tensor(name, [SIZE], new Float32Array(SIZE).fill(1)),
    /** Evenly distributed values with the standard deviation `deviation`. */
    random(name: string, shape: readonly [number, number], deviation: number): GgufTensor {
      const blocks = (shape[0] * shape[1]) / Q8_0.values;
      const data = new Uint8Array(blocks * Q8_0.bytes);
      for (let at = 0; at < data.length; at++) data[at] = nextByte();
      // Every block starts with its scale, followed by integers from -128 to 127.
      const scale = halfBits((deviation * Math.sqrt(12)) / 256);
      const view = new DataView(data.buffer);
      for (let block = 0; block < blocks; block++) view.setUint16(block * Q8_0.bytes, scale, true);
      return { name, shape, ggmlType: Q8_0.type, data };
    },
  };
}

/** The 16-bit float of a positive number in its normal range. */
function halfBits(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) + Math.round((value / 2 ** exponent - 1) * 1024);
}
