/**
 * The layers of a model that predict the tokens after the next one (multi-token prediction, MTP). A server that knows
 * them drafts with them, without a draft model.
 */
import { stat } from 'node:fs/promises';

import { type GgufHeader, readGgufFileInThread } from '@cortex/engine/gguf';

import type { ModelFile } from './model-file.ts';

/** What drafting with the prediction layers of a model takes besides the model, in bytes. */
export interface PredictionLayers {
  readonly weightBytes: number;
  /** KV cells in f16, for each token of context of each slot. */
  readonly cellBytes: number;
  /** Copies of recurrent state for drafts that are rejected, for each slot. */
  readonly stateBytes: number;
}

/** One file of a model. */
export interface ModelPart {
  readonly header: GgufHeader;
  readonly sizeBytes: number;
}

/** Models whose answer is kept. */
const MAX_KNOWN = 64;
/** What llama-server drafts at once if it is not told (`--spec-draft-n-max`). */
const DRAFT_TOKENS = 3;
const F16_BYTES = 2;
const F32_BYTES = 4;

interface SizedTensor {
  readonly name: string;
  /** -1: not part of a layer. */
  readonly layer: number;
  readonly sizeBytes: number;
}

/** A tensor reaches up to the next one, padding included. */
function sizedTensors({ header, sizeBytes }: ModelPart): SizedTensor[] {
  const inOrder = header.tensors.toSorted((a, b) => Number(a.offset - b.offset));
  return inOrder.map(({ name, offset }, at) => {
    const end = Number(inOrder[at + 1]?.offset ?? sizeBytes - header.dataAt);
    const [, layer = -1] = /^blk\.(\d+)\./.exec(name) ?? [];
    return { name, layer: Number(layer), sizeBytes: end - Number(offset) };
  });
}

/** Reads numbers of the architecture; of a list per layer, the largest. Absent: undefined. */
function numbersOf({ architecture, metadata }: GgufHeader) {
  return (key: string): number | undefined => {
    const value = metadata.get(`${architecture}.${key}`)?.value;
    const numbers = [value].flat().filter((item) => ['number', 'bigint'].includes(typeof item));
    return numbers.length === 0 ? undefined : Math.max(...numbers.map(Number));
  };
}

type ReadNumber = ReturnType<typeof numbersOf>;

/** Bytes of keys and values of one token in one layer. */
function cellBytesOf(read: ReadNumber): number {
  const heads = read('attention.head_count') ?? 1;
  const width = (read('embedding_length') ?? 0) / heads;
  const keys = read('attention.key_length') ?? width;
  const values = read('attention.value_length') ?? width;
  return (read('attention.head_count_kv') ?? heads) * (keys + values) * F16_BYTES;
}

/** Bytes of the recurrent state of one sequence in one layer, as llama.cpp keeps it. */
function stateBytesOf(read: ReadNumber): number {
  const inner = read('ssm.inner_size') ?? 0;
  const state = read('ssm.state_size') ?? 0;
  const kept = Math.max(0, (read('ssm.conv_kernel') ?? 0) - 1);
  const convolved = kept * (inner + 2 * (read('ssm.group_count') ?? 0) * state);
  return (convolved + state * inner) * F32_BYTES;
}

/**
 * The prediction layers of a model; undefined if it has none. Pure.
 *
 * Many files declare layers that their conversion has left out, so the tensors are looked for as well.
 *
 * @param parts - All files of the model, in order.
 */
export function predictionLayersOf(parts: readonly ModelPart[]): PredictionLayers | undefined {
  const [first] = parts;
  if (!first) return undefined;
  const read = numbersOf(first.header);
  const count = read('nextn_predict_layers') ?? 0;
  const trunk = (read('block_count') ?? 0) - count;
  if (count < 1 || trunk < 1) return undefined;
  const tensors = parts.flatMap(sizedTensors);
  const own = tensors.filter(({ layer }) => layer >= trunk);
  if (!own.some(({ name }) => name.endsWith('.nextn.eh_proj.weight'))) return undefined;
  const recurrent = tensors.filter(
    ({ name, layer }) => layer < trunk && name.endsWith('.ssm_out.weight'),
  );
  return {
    weightBytes: own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    cellBytes: count * cellBytesOf(read),
    stateBytes: DRAFT_TOKENS * recurrent.length * stateBytesOf(read),
  };
}

async function readPart(path: string): Promise<ModelPart | undefined> {
  const reading = await readGgufFileInThread(path);
  if (reading.kind === 'broken') return undefined;
  return { header: reading.header, sizeBytes: (await stat(path)).size };
}

/** The load reports a file that cannot be read. */
async function readLayers({ parts }: ModelFile): Promise<PredictionLayers | undefined> {
  const read: ModelPart[] = [];
  for (const path of parts) {
    const part = await readPart(path).catch(() => undefined);
    if (!part) return undefined;
    read.push(part);
    // Most models have none, which the metadata of the first part says.
    const { header } = read[0] ?? part;
    if ((numbersOf(header)('nextn_predict_layers') ?? 0) < 1) return undefined;
  }
  return predictionLayersOf(read);
}

/** Answers from the headers of the files, and remembers the answers. */
export class PredictionLayersOfFiles {
  readonly #known = new Map<string, Promise<PredictionLayers | undefined>>();

  /** As `predictionLayersOf`; undefined if a file cannot be read. */
  of(file: ModelFile): Promise<PredictionLayers | undefined> {
    const layers = this.#known.get(file.fingerprint) ?? readLayers(file);
    this.#known.set(file.fingerprint, layers);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    return layers;
  }
}
