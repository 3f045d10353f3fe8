import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes of a value of metadata by the number of its type; text (8) and list (9) say their own. GGUF specification. */
const VALUE_BYTES: Readonly<Record<number, number>> = {
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
const TEXT = 8;
const LIST = 9;

const ARCHITECTURE = 'general.architecture';
const CONTENT = 'general.type';
const WANTED: ReadonlySet<string> = new Set([ARCHITECTURE, CONTENT]);

/** Of a key with a value, of a tensor: smaller ones cannot be written. */
const MIN_ENTRY_BYTES = 13;
const MIN_TENSOR_BYTES = 32;

/** `GGML_MAX_DIMS`. */
const MAX_DIMENSIONS = 4;

/** A list of lists of lists is more than any file has. */
const MAX_LIST_DEPTH = 4;

/** Read at a time: what is skipped is mostly vocabulary. */
const WINDOW_BYTES = 256 * 1024;

export type GgufHeader =
  | {
      readonly kind: 'whole';
      readonly architecture: string;
      /** What the file says that it holds (`model`, `adapter`, `mmproj`, …); undefined where it does not. */
      readonly holds: string | undefined;
    }
  | { readonly kind: 'broken'; readonly problem: string };

/**
 * What the header of a GGUF file says of itself, when its parts fit together and into the file, else what is wrong with it.
 *
 * The libraries behind believe what they read: a count of 2^62 keeps them busy for ever, and memory is asked for by it.
 * Memory and time here depend on the size of the file alone.
 *
 * @throws what the file system says when the file cannot be read.
 */
export function readHeader(path: string): GgufHeader {
  const fd = openSync(path, 'r');
  try {
    return new HeaderReader(fd).read();
  } catch (error) {
    if (error instanceof BrokenHeader) return { kind: 'broken', problem: error.message };
    throw error;
  } finally {
    closeSync(fd);
  }
}

class BrokenHeader extends Error {}

class HeaderReader {
  readonly #fd: number;
  readonly #size: number;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;
  #at = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  read(): GgufHeader {
    const magic = this.#take(4).toString('latin1');
    if (magic !== 'GGUF')
      throw new BrokenHeader('it is not a GGUF file (it does not begin with "GGUF")');
    const version = this.#u32();
    if (version < 2 || version > 3)
      throw new BrokenHeader(`its GGUF version ${version} is not known (2 and 3 are)`);
    const tensors = this.#count('tensors', MIN_TENSOR_BYTES);
    const entries = this.#count('entries of metadata', MIN_ENTRY_BYTES);
    const said = new Map<string, string>();
    for (let index = 0; index < entries; index++) {
      const key = this.#text(`the key of entry ${index} of its metadata`);
      const type = this.#u32();
      if (type === TEXT && WANTED.has(key)) said.set(key, this.#text(key));
      else this.#skipValue(key, type, 0);
    }
    const architecture = said.get(ARCHITECTURE);
    if (architecture === undefined) throw new BrokenHeader(`its metadata has no "${ARCHITECTURE}"`);
    for (let index = 0; index < tensors; index++) this.#tensor(index);
    return { kind: 'whole', architecture, holds: said.get(CONTENT) };
  }

  #tensor(index: number): void {
    const name = this.#text(`the name of tensor ${index}`);
    const dimensions = this.#u32();
    if (dimensions > MAX_DIMENSIONS)
      throw new BrokenHeader(`its tensor "${name}" has ${dimensions} dimensions`);
    for (let dimension = 0; dimension < dimensions; dimension++) {
      const length = this.#u64();
      if (length === 0 || !Number.isSafeInteger(length))
        throw new BrokenHeader(`its tensor "${name}" has a dimension of ${length}`);
    }
    this.#u32();
    const offset = this.#u64();
    if (offset >= this.#size)
      throw new BrokenHeader(
        `its tensor "${name}" lies behind the end of the file (is it cut off?)`,
      );
  }

  #skipValue(key: string, type: number, depth: number): void {
    const bytes = VALUE_BYTES[type];
    if (bytes !== undefined) return this.#skip(bytes, key);
    if (type === TEXT) return this.#skip(this.#u64(), key);
    if (type !== LIST || depth === MAX_LIST_DEPTH)
      throw new BrokenHeader(`its metadata "${key.slice(0, 80)}" is of the unknown type ${type}`);
    const of = this.#u32();
    const length = this.#u64();
    const itemBytes = VALUE_BYTES[of];
    if (itemBytes !== undefined) return this.#skip(length * itemBytes, key);
    // A text or a list takes eight bytes at least.
    this.#require(length * 8, key);
    for (let index = 0; index < length; index++) this.#skipValue(key, of, depth + 1);
  }

  #count(what: string, leastBytes: number): number {
    const count = this.#u64();
    if (count * leastBytes > this.#size)
      throw new BrokenHeader(
        `it says that it has ${count} ${what}, for which it is too small (is it cut off?)`,
      );
    return count;
  }

  #text(what: string): string {
    const length = this.#u64();
    this.#require(length, what);
    if (length > WINDOW_BYTES) throw new BrokenHeader(`${what} has ${length} bytes`);
    return this.#take(length).toString('utf8');
  }

  /** Beyond 2^53 inexact, which is beyond any file. */
  #u64(): number {
    const bytes = this.#take(8);
    return bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
  }

  #u32(): number {
    return this.#take(4).readUInt32LE(0);
  }

  #skip(bytes: number, what: string): void {
    this.#require(bytes, what);
    this.#at += bytes;
  }

  #require(bytes: number, what: string): void {
    if (this.#at + bytes <= this.#size) return;
    throw new BrokenHeader(
      `"${what.slice(0, 80)}" reaches behind the end of the file (is it cut off?)`,
    );
  }

  #take(bytes: number): Buffer {
    if (this.#at + bytes > this.#size) throw new BrokenHeader('its header is cut off');
    const from = this.#at - this.#windowAt;
    if (from < 0 || from + bytes > this.#window.length) this.#fill();
    const start = this.#at - this.#windowAt;
    if (start + bytes > this.#window.length) throw new BrokenHeader('its header is cut off');
    this.#at += bytes;
    return this.#window.subarray(start, start + bytes);
  }

  #fill(): void {
    const window = Buffer.alloc(WINDOW_BYTES);
    this.#window = window.subarray(0, readSync(this.#fd, window, 0, WINDOW_BYTES, this.#at));
    this.#windowAt = this.#at;
  }
}
