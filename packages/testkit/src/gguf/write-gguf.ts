import {
  GGUF_ALIGNMENT,
  GGUF_TYPES,
  type GgufFile,
  type GgufScalar,
  type GgufScalarType,
  type GgufTensor,
  type GgufValue,
} from './gguf-file.ts';

/** The bytes of a GGUF file, version 3. Tensor data has the order of the tensors. */
export function writeGguf(file: GgufFile): Uint8Array {
  const out = new GgufBytes();
  out.raw(new TextEncoder().encode('GGUF'));
  out.scalar('u32', 3);
  out.scalar('u64', file.tensors.length);
  out.scalar('u64', file.metadata.size);
  for (const [key, value] of file.metadata) {
    out.scalar('string', key);
    out.value(value);
  }
  const alignment = alignmentOf(file);
  let offset = 0;
  for (const tensor of file.tensors) {
    out.tensorInfo(tensor, offset);
    offset += padded(tensor.data.length, alignment);
  }
  out.pad(alignment);
  for (const { data } of file.tensors) {
    out.raw(data);
    out.pad(alignment);
  }
  return out.bytes();
}

/** Alignment of tensor offsets. */
export function alignmentOf({ metadata }: Pick<GgufFile, 'metadata'>): number {
  const alignment = metadata.get('general.alignment');
  return alignment?.type === 'u32' ? Number(alignment.value) : GGUF_ALIGNMENT;
}

export const padded = (size: number, alignment: number): number =>
  Math.ceil(size / alignment) * alignment;

class GgufBytes {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  pad(alignment: number): void {
    this.raw(new Uint8Array(padded(this.#length, alignment) - this.#length));
  }

  scalar(type: GgufScalarType, value: GgufScalar): void {
    if (type === 'string') {
      const bytes = new TextEncoder().encode(String(value));
      this.scalar('u64', bytes.length);
      this.raw(bytes);
      return;
    }
    const buffer = Buffer.alloc(8);
    this.raw(buffer.subarray(0, WRITE[type](buffer, value)));
  }

  value(value: GgufValue): void {
    this.scalar('u32', GGUF_TYPES.indexOf(value.type));
    if (value.type !== 'array') return this.scalar(value.type, value.value);
    this.scalar('u32', GGUF_TYPES.indexOf(value.of));
    this.scalar('u64', value.values.length);
    for (const item of value.values) this.scalar(value.of, item);
  }

  tensorInfo({ name, shape, ggmlType }: GgufTensor, offset: number): void {
    this.scalar('string', name);
    this.scalar('u32', shape.length);
    for (const length of shape) this.scalar('u64', length);
    this.scalar('u32', ggmlType);
    this.scalar('u64', offset);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts, this.#length);
  }
}

type Write = (buffer: Buffer, value: GgufScalar) => number;

/** Each returns the number of bytes it wrote. */
const WRITE: Readonly<Record<Exclude<GgufScalarType, 'string'>, Write>> = {
  u8: (buffer, value) => buffer.writeUInt8(Number(value)),
  i8: (buffer, value) => buffer.writeInt8(Number(value)),
  u16: (buffer, value) => buffer.writeUInt16LE(Number(value)),
  i16: (buffer, value) => buffer.writeInt16LE(Number(value)),
  u32: (buffer, value) => buffer.writeUInt32LE(Number(value)),
  i32: (buffer, value) => buffer.writeInt32LE(Number(value)),
  f32: (buffer, value) => buffer.writeFloatLE(Number(value)),
  bool: (buffer, value) => buffer.writeUInt8(value === true ? 1 : 0),
  u64: (buffer, value) => buffer.writeBigUInt64LE(BigInt(value)),
  i64: (buffer, value) => buffer.writeBigInt64LE(BigInt(value)),
  f64: (buffer, value) => buffer.writeDoubleLE(Number(value)),
};
