/** Bodies that no model of this node reads: they are read to their end, and not kept. */
import { CortexError } from '@cortex/protocol';

import type { Models } from '../models/models.ts';
import { ALWAYS_PARSED_BYTES, bodyLimitOf, ImageSearch, tooLongFor } from './body-size.ts';
import { notesImages } from './noted-images.ts';

/** Kept of the start and of the end of a body, where clients write the name of the model. */
const EDGE_BYTES = 64 << 10;

/** A member `model` with a text. Within a text its quotes would be escaped. */
const MODEL_MEMBER = /(?<!\\)"model"\s*:\s*("(?:[^"\\]|\\.)*")/;

/** The largest body that one of the loaded models reads, bytes; undefined if one of them has no limit. */
export function largestReadable(models: Models): number | undefined {
  let largest = ALWAYS_PARSED_BYTES;
  for (const { id } of models.loaded()) {
    const serving = models.serving(id);
    if (serving === undefined) continue;
    const limit = notesImages(serving.lifecycle) ? undefined : bodyLimitOf(serving);
    if (limit === undefined) return undefined;
    largest = Math.max(largest, limit);
  }
  return largest;
}

interface Skimmed {
  readonly bytes: number;
  readonly model: string | undefined;
  readonly hasImage: boolean;
}

/** Reads a body chunk by chunk without keeping it. */
async function skim(body: ReadableStream<Uint8Array>): Promise<Skimmed> {
  const decoder = new TextDecoder();
  const images = new ImageSearch();
  let bytes = 0;
  let start = '';
  let end = '';
  for await (const chunk of body) {
    bytes += chunk.length;
    images.add(chunk);
    if (start.length < EDGE_BYTES) start += decoder.decode(chunk.subarray(0, EDGE_BYTES));
    end = (end + decoder.decode(chunk.subarray(-EDGE_BYTES))).slice(-EDGE_BYTES);
  }
  const [, quoted] = MODEL_MEMBER.exec(start) ?? MODEL_MEMBER.exec(end) ?? [];
  return { bytes, model: textOf(quoted), hasImage: images.isFound };
}

function textOf(quoted: string | undefined): string | undefined {
  try {
    const text: unknown = quoted === undefined ? undefined : JSON.parse(quoted);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Refuses a body whose `Content-Length` is above `mostBytes`. It is read to its end, because a client does not read an
 * answer before it has sent its request, but not kept: to collect 64 MB would hold up every stream.
 *
 * @throws CortexError as for a body that was read: about the model that it names, else `request_too_large`;
 *   `client_closed_request`
 */
export async function refuseOversized(
  request: Request,
  { models, mostBytes }: { readonly models: Models; readonly mostBytes: number },
): Promise<void> {
  const { headers, body } = request;
  const length = Number(headers.get('content-length') ?? 0);
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (length <= mostBytes || encoding !== 'identity' || body === null) return;
  let skimmed: Skimmed;
  try {
    skimmed = await skim(body);
  } catch (cause) {
    throw new CortexError(
      'client_closed_request',
      'The client closed the connection while it sent the body.',
      { cause },
    );
  }
  const { bytes, model, hasImage } = skimmed;
  if (model !== undefined) {
    const serving = models.servable(model);
    const limit = bodyLimitOf(serving);
    if (limit !== undefined && bytes > limit) throw tooLongFor(serving, { bytes, limit, hasImage });
  }
  throw new CortexError(
    'request_too_large',
    `The body has ${bytes} bytes, and this node reads at most ${mostBytes} bytes of such a request. Please shorten it, or send several requests.`,
  );
}
