/** Shared parts of the tiny random-weight models. */
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

/** Width of the tiny models. */
export const SIZE = 32;
export const LAYERS = 2;
export const FEED_FORWARD = 64;

/** The tensors of `count` layers, `blk.0` first. */
export const layersOf = (
  layer: (at: string, index: number) => readonly GgufTensor[],
  count = LAYERS,
): readonly GgufTensor[] =>
  Array.from({ length: count }, (_, index) => layer(`blk.${index}`, index)).flat();

/** The metadata of a model of `architecture` with the tokenizer of `tokenizer`; `own` overrides. */
export function metadata(
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

/** Tokens in the vocabulary of `file`. */
export function vocabularySize({ metadata: entries }: GgufFile): number {
  const tokens = entries.get('tokenizer.ggml.tokens');
  if (tokens?.type !== 'array') throw new TypeError('the file has no vocabulary');
  return tokens.values.length;
}

/** Creates tensors from a fixed seed. */
export interface TensorMaker {
  random(name: string, shape: readonly number[], scale: number): GgufTensor;
  ones(name: string, shape: readonly number[]): GgufTensor;
  filled(name: string, shape: readonly number[], at: (index: number) => number): GgufTensor;
}

export function tensorMaker(seed: number): TensorMaker {
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

/** The tensors of a feed-forward layer. */
export const feedForward = (make: TensorMaker, at: string): GgufTensor[] => [
  make.ones(`${at}.ffn_norm.weight`, [SIZE]),
  make.random(`${at}.ffn_gate.weight`, [SIZE, FEED_FORWARD], 0.3),
  make.random(`${at}.ffn_up.weight`, [SIZE, FEED_FORWARD], 0.3),
  make.random(`${at}.ffn_down.weight`, [FEED_FORWARD, SIZE], 0.3),
];

/** The matrices of an attention layer with one head. */
export const attention = (make: TensorMaker, at: string): GgufTensor[] =>
  ['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
    make.random(`${at}.${name}.weight`, [SIZE, SIZE], 0.4),
  );

/**
 * Embeddings and a separate output matrix. With the embeddings as output, the previous token would always be the
 * most likely.
 */
export const ends = (
  make: TensorMaker,
  tokenizer: GgufFile,
  norm = 'output_norm',
): GgufTensor[] => [
  make.random('token_embd.weight', [SIZE, vocabularySize(tokenizer)], 0.3),
  make.random('output.weight', [SIZE, vocabularySize(tokenizer)], 1),
  make.ones(`${norm}.weight`, [SIZE]),
];
