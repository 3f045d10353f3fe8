import { bytesSource, type GgufMetadata, readGguf as readHeader } from '@cortex/engine/gguf';
import { z } from 'zod';

import { GGUF_TYPES, type GgufFile, type GgufTensor, type GgufValue } from './gguf-file.ts';

/** The parts of a complete GGUF file, which can be changed and written again. @throws RangeError when it is broken */
export async function readGguf(bytes: Uint8Array): Promise<GgufFile> {
  const reading = await readHeader(bytesSource(bytes));
  if (reading.kind === 'broken') throw new RangeError(reading.problem);
  const { metadata, tensors, dataAt } = reading.header;
  const starts = [...tensors.map(({ offset }) => Number(offset)), bytes.length - dataAt];
  return {
    metadata: new Map([...metadata].map(([key, entry]) => [key, toValue(entry)])),
    tensors: tensors.map(({ name, shape, dtype, offset }): GgufTensor => {
      const start = Number(offset);
      // Up to the next tensor, including padding, so that the sizes of quantised blocks are not needed.
      const end = Math.min(...starts.filter((next) => next > start));
      const data = bytes.subarray(dataAt + start, dataAt + end);
      return { name, shape: shape.map(Number), ggmlType: dtype, data };
    }),
  };
}

const Scalar = z.union([z.number(), z.bigint(), z.boolean(), z.string()]);

function toValue({ type, subType, value }: GgufMetadata): GgufValue {
  const name = GGUF_TYPES[type];
  if (name !== undefined && name !== 'array') return { type: name, value: Scalar.parse(value) };
  const of = GGUF_TYPES[subType ?? -1];
  if (of === undefined || of === 'array')
    throw new RangeError('arrays of arrays are not supported');
  return { type: 'array', of, values: z.array(Scalar).parse(value) };
}
