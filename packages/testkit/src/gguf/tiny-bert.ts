import {
  f32,
  f32Tensor,
  flag,
  type GgufFile,
  type GgufTensor,
  text,
  texts,
  i32s,
  u32,
} from './gguf-file.ts';
import { gaussian } from './gaussian.ts';

/** `llama_pooling_type`, by name. */
const POOLINGS = { mean: 1, cls: 2, rank: 4 } as const;

export interface TinyBertOptions {
  readonly name: string;
  readonly pooling: keyof typeof POOLINGS;
  /** Number of positions of the model. */
  readonly contextTokens: number;
  /**
   * Standard deviation of the weights of the layers. Near 0, the result is a mean of token vectors, so that texts
   * with more common words are closer. If it is large, each token attends to all others.
   */
  readonly layerScale: number;
}

/** More than the tokens of the vocabulary, so that each token can have its own direction. */
const SIZE = 192;
const LAYERS = 2;
const FEED_FORWARD = 128;

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const WORDS =
  'the a an of in on at to and is are was light house sea ship desk lamp river stone bird tree fox dog cat red blue green old new small large runs sleeps jumps sings over under near far north south story word model neuron engine query answer night day rain wind fire snow'.split(
    ' ',
  );
const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz0123456789.,?!-\'":;');

/** Word pieces: whole words and single letters, so that every word can be split. */
const WORD_START = '\u2581';
const VOCABULARY: readonly string[] = [
  ...SPECIAL,
  ...WORDS.map((word) => WORD_START + word),
  ...LETTERS.filter((letter) => !WORDS.includes(letter)).map((letter) => WORD_START + letter),
  ...LETTERS,
  'house',
  'light',
];

/**
 * A BERT of two layers with weights from a fixed seed: an embedding model, or with `pooling` `rank` a reranker.
 *
 * 2 MB. Lower-case English words and digits; everything else is `[UNK]`.
 */
export function tinyBert(options: TinyBertOptions): GgufFile {
  return { metadata: metadata(options), tensors: tensors(options) };
}

function metadata({ name, pooling, contextTokens }: TinyBertOptions): GgufFile['metadata'] {
  return new Map([
    ['general.architecture', text('bert')],
    ['general.name', text(name)],
    ['bert.context_length', u32(contextTokens)],
    ['bert.embedding_length', u32(SIZE)],
    ['bert.block_count', u32(LAYERS)],
    ['bert.feed_forward_length', u32(FEED_FORWARD)],
    ['bert.attention.head_count', u32(2)],
    ['bert.attention.layer_norm_epsilon', f32(1e-12)],
    ['bert.attention.causal', flag(false)],
    ['bert.pooling_type', u32(POOLINGS[pooling])],
    ['tokenizer.ggml.model', text('bert')],
    ['tokenizer.ggml.token_type_count', u32(2)],
    ['tokenizer.ggml.tokens', texts(VOCABULARY)],
    // 3: control, 1: normal.
    ['tokenizer.ggml.token_type', i32s(VOCABULARY.map((_, id) => (id < SPECIAL.length ? 3 : 1)))],
    ['tokenizer.ggml.padding_token_id', u32(0)],
    ['tokenizer.ggml.unknown_token_id', u32(1)],
    ['tokenizer.ggml.bos_token_id', u32(2)],
    ['tokenizer.ggml.seperator_token_id', u32(3)],
    ['tokenizer.ggml.mask_token_id', u32(4)],
  ]);
}

function tensors({ pooling, contextTokens, layerScale }: TinyBertOptions): GgufTensor[] {
  const next = gaussian(7);
  const random = (name: string, shape: readonly number[], scale: number): GgufTensor => {
    const size = shape.reduce((product, length) => product * length, 1);
    return f32Tensor(
      name,
      shape,
      Float32Array.from({ length: size }, () => next() * scale),
    );
  };
  const norm = (name: string): GgufTensor[] => [
    f32Tensor(`${name}.weight`, [SIZE], new Float32Array(SIZE).fill(1)),
    f32Tensor(`${name}.bias`, [SIZE], new Float32Array(SIZE)),
  ];
  const linear = (name: string, inSize: number, outSize: number): GgufTensor[] => [
    random(`${name}.weight`, [inSize, outSize], layerScale),
    f32Tensor(`${name}.bias`, [outSize], new Float32Array(outSize)),
  ];
  const layer = (at: string): GgufTensor[] => [
    ...['q', 'k', 'v', 'output'].flatMap((part) => linear(`${at}.attn_${part}`, SIZE, SIZE)),
    ...norm(`${at}.attn_output_norm`),
    ...linear(`${at}.ffn_up`, SIZE, FEED_FORWARD),
    ...linear(`${at}.ffn_down`, FEED_FORWARD, SIZE),
    ...norm(`${at}.layer_output_norm`),
  ];
  const head = [
    random('cls.weight', [SIZE, SIZE], 0.1),
    f32Tensor('cls.bias', [SIZE], new Float32Array(SIZE)),
    random('cls.output.weight', [SIZE, 1], 0.1),
    f32Tensor('cls.output.bias', [1], new Float32Array(1)),
  ];
  return [
    tokenVectors(next),
    f32Tensor('token_types.weight', [SIZE, 2], new Float32Array(SIZE * 2)),
    random('position_embd.weight', [SIZE, contextTokens], 0.02),
    ...norm('token_embd_norm'),
    ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
    ...(pooling === 'rank' ? head : []),
  ];
}

/** One direction per token plus a small part of all others, because trained vectors are never fully orthogonal. */
function tokenVectors(next: () => number): GgufTensor {
  const values = Float32Array.from(
    { length: SIZE * VOCABULARY.length },
    (_, index) => next() * 0.2 + (index % SIZE === Math.floor(index / SIZE) ? 8 : 0),
  );
  return f32Tensor('token_embd.weight', [SIZE, VOCABULARY.length], values);
}
