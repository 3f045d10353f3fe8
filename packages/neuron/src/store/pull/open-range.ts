/** Range requests (RFC 9110, section 14). */
import { CortexError } from '@cortex/protocol';

import { temporary, type WebClient, type WebGet } from '../web/web-client.ts';
import type { ByteRange, OpenedFile } from './remote-file.ts';

interface ContentRange {
  readonly start: number;
  /** Absent: the server does not know it. */
  readonly sizeBytes: number | undefined;
}

function parseContentRange(text: string | null): ContentRange | undefined {
  const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(text ?? '') ?? [];
  if (start === undefined) return undefined;
  return { start: Number(start), sizeBytes: size === '*' ? undefined : Number(size) };
}

/** An ETag that identifies bytes; a weak one does not. */
function strongEtag(headers: Headers): string | undefined {
  const etag = headers.get('etag') ?? undefined;
  return etag?.startsWith('"') ? etag : undefined;
}

function contentLength(headers: Headers): number | undefined {
  const text = headers.get('content-length');
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Size and ETag of an answer to a range request. */
export function describeAnswer({ status, headers }: Response): {
  readonly sizeBytes: number | undefined;
  readonly etag: string | undefined;
} {
  const sizeBytes =
    status === 206
      ? parseContentRange(headers.get('content-range'))?.sizeBytes
      : contentLength(headers);
  return { sizeBytes, etag: strongEtag(headers) };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {
  // An answer without a body has none.
}

/** The `Range` header; undefined for the whole file. */
function formatRange({ start, end }: ByteRange): string | undefined {
  if (end !== undefined) return `bytes=${start}-${end - 1}`;
  return start === 0 ? undefined : `bytes=${start}-`;
}

/**
 * Requests a range of the file.
 *
 * @param etag - The version that was partly downloaded: the server sends the whole file if it has another one.
 * @throws CortexError as `WebClient.get`
 */
export async function openRange(
  client: WebClient,
  request: Omit<WebGet, 'headers'>,
  bytes: ByteRange,
  etag?: string,
): Promise<OpenedFile> {
  const range = formatRange(bytes);
  const response = await client.get({
    ...request,
    headers: range === undefined ? {} : { range, ...(etag !== undefined && { 'if-range': etag }) },
    explain: (refusal) => {
      const own = request.explain?.(refusal);
      // The partial file is longer than the file: it is downloaded from its start again.
      if (own === undefined && refusal.status === 416) return new RangeRefused();
      return own;
    },
  });
  const body = response.body ?? noBytes();
  if (response.status !== 206)
    return { start: 0, sizeBytes: contentLength(response.headers), body };
  const sent = parseContentRange(response.headers.get('content-range'));
  if (sent) return { ...sent, body };
  await response.body?.cancel();
  throw temporary(`${new URL(request.url).origin} sent a range without saying which.`);
}

/** The server has no bytes at the requested position. */
export class RangeRefused extends CortexError {
  constructor() {
    super('model_load_failed', 'The server refused the range.', { transient: true });
  }
}
