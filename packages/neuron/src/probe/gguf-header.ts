/** Reads single values out of the start of a GGUF file (ggml's docs/gguf.md), as far as that start reaches. */

/** Value types by number, with their sizes in bytes; strings and arrays have none. */
const SIZES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const U32 = 4;
const STRING = 8;
const ARRAY = 9;

/** Thrown and caught here only: what follows lies beyond the bytes at hand, or is no GGUF. */
class OutOfBytes extends Error {}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(size: number): number {
    const start = this.#at;
    if (start + size > this.#bytes.length) throw new OutOfBytes();
    this.#at += size;
    return start;
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.skip(4));
  }

  /** Lengths and counts; one that no file has is as good as the end. */
  size(): number {
    const value = this.#bytes.readBigUInt64LE(this.skip(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new OutOfBytes();
    return Number(value);
  }

  text(): string {
    const length = this.size();
    const start = this.skip(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** Passes over a value; gives it where it is a u32. */
  value(): number | undefined {
    const type = this.u32();
    if (type === U32) return this.u32();
    if (type === ARRAY) this.#skipArray();
    else this.#skipOne(type);
    return undefined;
  }

  #skipArray(): void {
    const type = this.u32();
    const count = this.size();
    const size = SIZES[type];
    if (size !== undefined) this.skip(count * size);
    else for (let index = 0; index < count; index += 1) this.#skipOne(type);
  }

  #skipOne(type: number): void {
    const size = type === STRING ? this.size() : SIZES[type];
    if (size === undefined) throw new OutOfBytes();
    this.skip(size);
  }
}

/** What the metadata of a file say about its use. */
export interface GgufHeader {
  /** How vectors of tokens become one (`llama_pooling_type`); absent in files that write text. */
  readonly pooling?: number;
}

/** Reads the start of a file; what lies beyond it, or is no GGUF, is absent. */
export function readGgufHeader(bytes: Uint8Array): GgufHeader {
  let pooling: number | undefined;
  try {
    const cursor = new Cursor(bytes);
    // Magic and version: what is no GGUF at all is told by the engine.
    cursor.skip(8);
    cursor.size();
    for (let left = cursor.size(); left > 0; left -= 1) {
      const key = cursor.text();
      const value = cursor.value();
      if (key.endsWith('.pooling_type')) pooling = value;
    }
  } catch (error) {
    if (!(error instanceof OutOfBytes)) throw error;
  }
  return pooling === undefined ? {} : { pooling };
}
