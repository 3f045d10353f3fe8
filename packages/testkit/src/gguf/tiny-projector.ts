import {
  f32,
  f32s,
  f32Tensor,
  flag,
  type GgufFile,
  type GgufTensor,
  text,
  u32,
} from './gguf-file.ts';
import { gaussian } from './gaussian.ts';

const IMAGE_PIXELS = 16;
const PATCH_PIXELS = 8;
const SIZE = 32;
const FEED_FORWARD = 64;
const LAYERS = 2;
/** Four patches and the class. */
const POSITIONS = (IMAGE_PIXELS / PATCH_PIXELS) ** 2 + 1;

/**
 * A vision projector (`mmproj`) in the form of LLaVA, with weights from a fixed seed: an image becomes four vectors
 * that mean nothing.
 *
 * @param modelSize - `embedding_length` of the model that it is for.
 */
export function tinyProjector(modelSize: number): GgufFile {
  return { metadata: metadata(modelSize), tensors: tensors(modelSize) };
}

const metadata = (modelSize: number): GgufFile['metadata'] =>
  new Map([
    ['general.architecture', text('clip')],
    ['general.name', text('tiny projector')],
    ['clip.has_vision_encoder', flag(true)],
    ['clip.projector_type', text('mlp')],
    ['clip.use_gelu', flag(true)],
    ['clip.vision.image_size', u32(IMAGE_PIXELS)],
    ['clip.vision.patch_size', u32(PATCH_PIXELS)],
    ['clip.vision.embedding_length', u32(SIZE)],
    ['clip.vision.feed_forward_length', u32(FEED_FORWARD)],
    ['clip.vision.block_count', u32(LAYERS)],
    ['clip.vision.attention.head_count', u32(2)],
    ['clip.vision.attention.layer_norm_epsilon', f32(1e-5)],
    ['clip.vision.projection_dim', u32(modelSize)],
    ['clip.vision.image_mean', f32s([0.5, 0.5, 0.5])],
    ['clip.vision.image_std', f32s([0.5, 0.5, 0.5])],
  ]);

function tensors(modelSize: number): GgufTensor[] {
  const next = gaussian(11);
  const random = (name: string, shape: readonly number[]): GgufTensor => {
    const count = shape.reduce((product, length) => product * length, 1);
    const values = Array.from({ length: count }, () => next() * 0.1);
    return f32Tensor(name, shape, Float32Array.from(values));
  };
  const linear = (name: string, inSize: number, outSize: number): GgufTensor[] => [
    random(`${name}.weight`, [inSize, outSize]),
    f32Tensor(`${name}.bias`, [outSize], new Float32Array(outSize)),
  ];
  const norm = (name: string): GgufTensor[] => [
    f32Tensor(`${name}.weight`, [SIZE], new Float32Array(SIZE).fill(1)),
    f32Tensor(`${name}.bias`, [SIZE], new Float32Array(SIZE)),
  ];
  const layer = (at: string): GgufTensor[] => [
    ...['q', 'k', 'v', 'out'].flatMap((part) => linear(`${at}.attn_${part}`, SIZE, SIZE)),
    ...norm(`${at}.ln1`),
    ...norm(`${at}.ln2`),
    ...linear(`${at}.ffn_up`, SIZE, FEED_FORWARD),
    ...linear(`${at}.ffn_down`, FEED_FORWARD, SIZE),
  ];
  return [
    random('v.class_embd', [SIZE]),
    random('v.patch_embd.weight', [PATCH_PIXELS, PATCH_PIXELS, 3, SIZE]),
    random('v.position_embd.weight', [SIZE, POSITIONS]),
    ...norm('v.pre_ln'),
    ...Array.from({ length: LAYERS }, (_, index) => layer(`v.blk.${index}`)).flat(),
    ...linear('mm.0', SIZE, SIZE),
    ...linear('mm.2', SIZE, modelSize),
  ];
}
