/**
 * A GGUF file as a value: what `writeGguf` writes and `readGguf` reads.
 *
 * Version 3, little-endian; https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */

/** The metadata types, in the order of their numbers. */
export const GGUF_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;

export type GgufScalarType = Exclude<(typeof GGUF_TYPES)[number], 'array'>;

/** 64-bit numbers are bigints. */
export type GgufScalar = number | bigint | boolean | string;

export type GgufValue =
  | { readonly type: GgufScalarType; readonly value: GgufScalar }
  | { readonly type: 'array'; readonly of: GgufScalarType; readonly values: readonly GgufScalar[] };

export interface GgufTensor {
  readonly name: string;
  /** Elements per dimension, fastest-varying first: `[columns, rows]` for a matrix. */
  readonly shape: readonly number[];
  /** Number of the ggml type: 0 is float32, 1 float16, 8 Q8_0. */
  readonly ggmlType: number;
  readonly data: Uint8Array;
}

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}

/** Tensor data starts at and is padded to multiples of this, unless the file sets another alignment. */
export const GGUF_ALIGNMENT = 32;

export const u32 = (value: number): GgufValue => ({ type: 'u32', value });
export const f32 = (value: number): GgufValue => ({ type: 'f32', value });
export const flag = (value: boolean): GgufValue => ({ type: 'bool', value });
export const text = (value: string): GgufValue => ({ type: 'string', value });
export const texts = (values: readonly string[]): GgufValue => ({
  type: 'array',
  of: 'string',
  values,
});
export const i32s = (values: readonly number[]): GgufValue => ({
  type: 'array',
  of: 'i32',
  values,
});

export const f32s = (values: readonly number[]): GgufValue => ({
  type: 'array',
  of: 'f32',
  values,
});

/** A tensor of 32-bit floats. @throws RangeError when the values do not fill the shape */
export function f32Tensor(
  name: string,
  shape: readonly number[],
  values: Float32Array,
): GgufTensor {
  const size = shape.reduce((product, length) => product * length, 1);
  if (values.length !== size)
    throw new RangeError(`${name}: ${values.length} values do not fill ${shape.join('×')}`);
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, shape, ggmlType: 0, data };
}
