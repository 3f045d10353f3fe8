import {
  GGUF_TYPES,
  type GgufFile,
  type GgufScalar,
  type GgufScalarType,
  type GgufTensor,
  type GgufValue,
} from './gguf-file.ts';
import { alignmentOf, padded } from './write-gguf.ts';

/** The parts of a whole GGUF file, to be changed and written again. @throws RangeError when it is cut off */
export function readGguf(bytes: Uint8Array): GgufFile {
  const cursor = new GgufCursor(bytes);
  if (cursor.take(4).toString('latin1') !== 'GGUF') throw new RangeError('no GGUF file');
  cursor.scalar('u32');
  const tensorCount = Number(cursor.scalar('u64'));
  const metadataCount = Number(cursor.scalar('u64'));
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < metadataCount; index++)
    metadata.set(String(cursor.scalar('string')), cursor.value());
  const infos = Array.from({ length: tensorCount }, () => cursor.tensorInfo());
  const dataAt = padded(cursor.at, alignmentOf({ metadata }));
  const starts = [...infos.map(({ offset }) => offset), bytes.length - dataAt];
  const tensors = infos.map(({ offset, ...info }): GgufTensor => {
    // Up to the next tensor, padding included: so no size of a quantised block has to be known.
    const end = Math.min(...starts.filter((start) => start > offset));
    return { ...info, data: bytes.subarray(dataAt + offset, dataAt + end) };
  });
  return { metadata, tensors };
}

class GgufCursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(size: number): Buffer {
    if (this.at + size > this.#bytes.length) throw new RangeError('the file is cut off');
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  scalar(type: GgufScalarType): GgufScalar {
    if (type !== 'string') return READ[type](this.take(SIZES[type]));
    return this.take(Number(this.scalar('u64'))).toString('utf8');
  }

  value(): GgufValue {
    const type = this.#type();
    if (type !== 'array') return { type, value: this.scalar(type) };
    const of = this.#type();
    if (of === 'array') throw new RangeError('arrays of arrays are not read');
    const length = Number(this.scalar('u64'));
    return { type, of, values: Array.from({ length }, () => this.scalar(of)) };
  }

  tensorInfo(): Omit<GgufTensor, 'data'> & { readonly offset: number } {
    const name = String(this.scalar('string'));
    const dimensions = Number(this.scalar('u32'));
    const shape = Array.from({ length: dimensions }, () => Number(this.scalar('u64')));
    const ggmlType = Number(this.scalar('u32'));
    return { name, shape, ggmlType, offset: Number(this.scalar('u64')) };
  }

  #type(): (typeof GGUF_TYPES)[number] {
    const type = GGUF_TYPES[Number(this.scalar('u32'))];
    if (type === undefined) throw new RangeError('unknown type of metadata');
    return type;
  }
}

type NumericType = Exclude<GgufScalarType, 'string'>;

const SIZES: Readonly<Record<NumericType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};

const READ: Readonly<Record<NumericType, (buffer: Buffer) => GgufScalar>> = {
  u8: (buffer) => buffer.readUInt8(),
  i8: (buffer) => buffer.readInt8(),
  u16: (buffer) => buffer.readUInt16LE(),
  i16: (buffer) => buffer.readInt16LE(),
  u32: (buffer) => buffer.readUInt32LE(),
  i32: (buffer) => buffer.readInt32LE(),
  f32: (buffer) => buffer.readFloatLE(),
  bool: (buffer) => buffer.readUInt8() === 1,
  u64: (buffer) => buffer.readBigUInt64LE(),
  i64: (buffer) => buffer.readBigInt64LE(),
  f64: (buffer) => buffer.readDoubleLE(),
};
