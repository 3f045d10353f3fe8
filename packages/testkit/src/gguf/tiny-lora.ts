import { f32, f32Tensor, type GgufFile, text } from './gguf-file.ts';

const RANK = 4;

export interface LoraTarget {
  readonly architecture: string;
  readonly layers: number;
  /** Width of the residual stream, which is the output width of the attention projection. */
  readonly width: number;
  /** Width of all heads together, which is the input width of the attention projection. */
  readonly attentionWidth: number;
}

/** Of cortex-tiny. */
export const TINY_LORA_TARGET: LoraTarget = {
  architecture: 'qwen3',
  layers: 5,
  width: 256,
  attentionWidth: 256,
};

/** A LoRA adapter on the output projection of attention, strong enough to change every text. Deterministic. */
export function tinyLora(target: LoraTarget = TINY_LORA_TARGET): GgufFile {
  const { architecture, layers, width, attentionWidth } = target;
  const tensors = Array.from({ length: layers }, (_, layer) => {
    const name = `blk.${layer}.attn_output.weight`;
    return [
      f32Tensor(`${name}.lora_a`, [attentionWidth, RANK], waves(attentionWidth * RANK, layer)),
      f32Tensor(`${name}.lora_b`, [RANK, width], waves(RANK * width, layer + 0.5)),
    ];
  }).flat();
  return {
    metadata: new Map([
      ['general.architecture', text(architecture)],
      ['general.type', text('adapter')],
      ['adapter.type', text('lora')],
      ['adapter.lora.alpha', f32(RANK * 2)],
    ]),
    tensors,
  };
}

/** Values between -1 and 1 without a regular pattern. */
const waves = (length: number, phase: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => Math.sin(index * 12.9898 + phase * 78.233));
