/** The reader of GGUF files: @huggingface/gguf, bounded by the size of the file. */
import { type ByteSource, openFile } from './byte-source.ts';

/** The library's chunk size, and the distance from the end of a chunk at which it requests the next. */
const CHUNK_BYTES = 2_000_000;
const LEEWAY_BYTES = 500_000;
/** Maximum size of a header. A vocabulary of 262,000 tokens takes 15 MB. */
const MAX_HEADER_BYTES = 50_000_000;

/** Magic, version and two counts. */
const MIN_BYTES = 24;
/** `GGML_MAX_DIMS`. */
const MAX_DIMENSIONS = 4;

type Scalar = string | number | bigint | boolean;

export interface GgufMetadata {
  /** Number of the type in the GGUF specification. For a list, `subType` is the type of its items. */
  readonly type: number;
  readonly subType?: number | undefined;
  /** 64-bit numbers are bigints. */
  readonly value: Scalar | readonly unknown[];
}

export interface GgufTensorInfo {
  readonly name: string;
  /** Elements per dimension, the innermost first. */
  readonly shape: readonly bigint[];
  /** Number of the ggml type. */
  readonly dtype: number;
  /** Bytes from `dataAt`. */
  readonly offset: bigint;
}

export interface GgufHeader {
  readonly architecture: string;
  readonly metadata: ReadonlyMap<string, GgufMetadata>;
  readonly tensors: readonly GgufTensorInfo[];
  /** Start of the weights. */
  readonly dataAt: number;
}

export type GgufReading =
  | { readonly kind: 'whole'; readonly header: GgufHeader }
  /** `problem` continues a sentence: "Cannot load PATH: …". */
  | { readonly kind: 'broken'; readonly problem: string };

class BrokenGguf extends Error {}

/**
 * The header of a GGUF file if it is consistent and within the file, else what is wrong with it.
 *
 * llama.cpp and the parser trust the counts in the file. Here time and memory are bounded by the size of the file: the
 * parser is stopped when it reads beyond the end.
 *
 * @throws the error of `source` if the file cannot be read
 */
export async function readGguf(source: ByteSource): Promise<GgufReading> {
  try {
    return { kind: 'whole', header: await parseHeader(source) };
  } catch (error) {
    if (error instanceof BrokenGguf) return { kind: 'broken', problem: error.message };
    throw error;
  }
}

/** The header of a file on disk. @throws the error of the file system if it cannot be read */
export async function readGgufFile(path: string): Promise<GgufReading> {
  const source = await openFile(path);
  try {
    return await readGguf(source);
  } finally {
    await source.close();
  }
}

async function parseHeader(source: ByteSource): Promise<GgufHeader> {
  checkStart(await source.read(0, MIN_BYTES));
  // Imported on demand, because most processes never read a file and the library takes 10 MB.
  const { gguf } = await import('@huggingface/gguf');
  let readFailure: { readonly error: unknown } | undefined;
  const readRange = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    try {
      return await answerRange(source, new Headers(init?.headers).get('range') ?? '');
    } catch (error) {
      readFailure = { error };
      throw error;
    }
  };
  // The parser requires a URL; `readRange` is called for any.
  const parsed = await gguf('https://file.invalid/', {
    fetch: Object.assign(readRange, { preconnect: () => undefined }),
    typedMetadata: true,
  }).catch((error: unknown) => {
    throw readFailure ? readFailure.error : parserProblem(error);
  });
  const { version: _1, tensor_count: _2, kv_count: _3, ...entries } = parsed.typedMetadata;
  const metadata = new Map<string, GgufMetadata>();
  for (const [key, { value, ...types }] of Object.entries(entries)) {
    if (value !== undefined) metadata.set(key, { value, ...types });
  }
  const [, infosEnd] = parsed.tensorInfoByteRange;
  if (infosEnd > source.size) throw new BrokenGguf('its header is cut off');
  const architecture = metadata.get('general.architecture')?.value;
  if (typeof architecture !== 'string')
    throw new BrokenGguf('its metadata has no "general.architecture"');
  for (const tensor of parsed.tensorInfos) checkTensor(tensor, source.size);
  const dataAt = Number(parsed.tensorDataOffset);
  return { architecture, metadata, tensors: parsed.tensorInfos, dataAt };
}

function checkStart(start: Uint8Array): void {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (bytes.length < MIN_BYTES)
    throw new BrokenGguf(`it has ${bytes.length} bytes, which is not a GGUF file`);
  if (bytes.toString('latin1', 0, 4) !== 'GGUF')
    throw new BrokenGguf('it is not a GGUF file (it does not begin with "GGUF")');
  const version = bytes.readUInt32LE(4);
  // The other byte order, which llama.cpp does not support on these machines.
  if ((version & 0xffff) === 0 && version !== 0) throw new BrokenGguf('it is big-endian');
  if (version < 2 || version > 3)
    throw new BrokenGguf(`its GGUF version ${version} is not supported (2 and 3 are)`);
}

async function answerRange(source: ByteSource, range: string): Promise<Response> {
  const start = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0);
  const end = start + CHUNK_BYTES;
  // Bytes beyond the end of the file read as zeros, which can be parsed endlessly.
  if (start - LEEWAY_BYTES > source.size) throw new BrokenGguf('its header is cut off');
  if (end > MAX_HEADER_BYTES)
    throw new BrokenGguf(`its header is larger than ${MAX_HEADER_BYTES / 1e6} MB`);
  const bytes = await source.read(start, Math.max(start, Math.min(end, source.size)));
  return new Response(bytes, {
    headers: { 'content-range': `bytes ${start}-${end - 1}/${source.size}` },
  });
}

/** A header beyond the end of the data causes a RangeError. */
function parserProblem(error: unknown): BrokenGguf {
  if (error instanceof RangeError) return new BrokenGguf('its header is cut off');
  const said = error instanceof Error ? error.message : String(error);
  return new BrokenGguf(`its header is not valid: ${said.replaceAll(/\s+/g, ' ').slice(0, 200)}`);
}

function checkTensor({ name, shape, offset }: GgufTensorInfo, fileSize: number): void {
  const tensor = `its tensor "${name.slice(0, 80)}"`;
  if (shape.length > MAX_DIMENSIONS)
    throw new BrokenGguf(`${tensor} has ${shape.length} dimensions`);
  if (shape.includes(0n)) throw new BrokenGguf(`${tensor} has a dimension of 0`);
  if (offset >= BigInt(fileSize))
    throw new BrokenGguf(`${tensor} lies behind the end of the file (is it cut off?)`);
}
