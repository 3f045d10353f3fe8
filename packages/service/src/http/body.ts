import { CortexError } from '@cortex/protocol';

/** Content-Encoding → format of `DecompressionStream`. */
const FORMATS: ReadonlyMap<string, Bun.CompressionFormat> = new Map<string, Bun.CompressionFormat>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'brotli'],
  ['zstd', 'zstd'],
]);

/** The largest request body of both daemons, in MiB, counted after decompression (behaviour 11). */
export const MAX_BODY_MIB = 64;

export interface BodyLimits {
  /** Counted after decompression. */
  readonly maxBytes: number;
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal;
}

function tooLarge(maxBytes: number): CortexError {
  const maxMib = maxBytes / (1 << 20);
  const shown = maxMib >= 1 ? `${Number(maxMib.toFixed(1))} MiB` : `${maxBytes} bytes`;
  return new CortexError('request_too_large', `The body is larger than ${shown}.`);
}

const clientLeft = (cause: unknown): CortexError =>
  new CortexError(
    'client_closed_request',
    'The client closed the connection while it sent the body.',
    { cause },
  );

async function readSized(request: Request, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await request.bytes();
  if (signal.aborted) throw clientLeft(signal.reason);
  return bytes;
}

async function readRaw(
  request: Request,
  { maxBytes, signal }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get('content-length');
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    // A body of known length needs no counting, and reading it whole costs a sixth of reading its stream.
    if (length !== null) return await readSized(request, signal);
    if (request.body === null) return new Uint8Array();
    for await (const chunk of request.body) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof CortexError) throw error;
    throw clientLeft(error);
  }
  if (signal.aborted) throw clientLeft(signal.reason);
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size);
}

/** The encoding that a request declares, in lower case; `identity` if it declares none. */
const encodingOf = ({ headers }: Request): string =>
  (headers.get('content-encoding') ?? '').trim().toLowerCase() || 'identity';

/**
 * Decompresses a body. The functions of node:zlib would return the part before the end of a truncated zstd body.
 *
 * @throws CortexError `request_too_large`; another error for bytes that are not in `format`
 */
async function decompress(
  bytes: Uint8Array<ArrayBuffer>,
  format: Bun.CompressionFormat,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // @ts-expect-error -- Bun takes brotli and zstd as well; TypeScript's DOM library does not know.
  const decompressor = new DecompressionStream(format);
  const decompressed = new Blob([bytes]).stream().pipeThrough(decompressor);
  for await (const chunk of decompressed) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/**
 * Reads the whole body of a request and decompresses it (gzip, deflate, br, zstd).
 *
 * The limit applies while reading and while decompressing, so a compression bomb uses no more memory than a large body.
 *
 * @throws CortexError `request_too_large`, `unsupported_media_type` (unknown encoding), `invalid_request` (bytes
 * not of that encoding), `client_closed_request`.
 */
export async function readBody(
  request: Request,
  limits: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = encodingOf(request);
  const format = FORMATS.get(encoding);
  if (format === undefined && encoding !== 'identity') {
    throw new CortexError(
      'unsupported_media_type',
      `Content-Encoding ${JSON.stringify(encoding.slice(0, 64))} is not supported: send gzip, zstd, br, deflate or none.`,
    );
  }
  const raw = await readRaw(request, limits);
  if (format === undefined) return raw;
  try {
    return await decompress(raw, format, limits.maxBytes);
  } catch (error) {
    if (error instanceof CortexError) throw error;
    throw new CortexError(
      'invalid_request',
      `The body is not valid ${encoding}, which its Content-Encoding names: it is cut off or corrupt.`,
      { cause: error },
    );
  }
}

/**
 * Adds the encoding to an error about JSON whose body was compressed: corrupt zstd can decompress to other text without
 * an error.
 */
export function namingEncoding(error: unknown, request: Request): unknown {
  const encoding = encodingOf(request);
  const isAboutJson = error instanceof CortexError && error.code === 'malformed_json';
  if (!isAboutJson || encoding === 'identity') return error;
  return new CortexError(
    'malformed_json',
    `${error.message} The body was decompressed from ${encoding}.`,
    { ...error.details, cause: error },
  );
}
