import { CortexError } from '@cortex/protocol';

import type { ServableModel } from '../models/models.ts';

/** Bodies up to this size are parsed for every model; that takes a few milliseconds. */
export const ALWAYS_PARSED_BYTES = 1 << 20;

const IMAGE_PART = Buffer.from('"image_url"');
const BACKSLASH = 0x5c;

/** Looks for an image part in a body that arrives in chunks. */
export class ImageSearch {
  #end: Uint8Array = new Uint8Array();
  #isFound = false;

  /** Whether there is one. In a text the quotes would be escaped. */
  get isFound(): boolean {
    return this.#isFound;
  }

  add(chunk: Uint8Array): void {
    if (this.#isFound) return;
    // A part may begin in the chunk before, and the character before it decides.
    const seam = Buffer.concat([this.#end, chunk.subarray(0, IMAGE_PART.length)]);
    this.#isFound = hasImagePart(seam) || hasImagePart(chunk);
    this.#end = Buffer.concat([this.#end, chunk.subarray(-IMAGE_PART.length)]).subarray(
      -IMAGE_PART.length,
    );
  }
}

function hasImagePart(bytes: Uint8Array): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = body.indexOf(IMAGE_PART);
  while (at > 0 && body[at - 1] === BACKSLASH) at = body.indexOf(IMAGE_PART, at + 1);
  return at !== -1;
}

/** The largest body that a model reads, bytes; undefined: no limit. */
export function bodyLimitOf({ harness, contextTokens }: ServableModel): number | undefined {
  const limit = contextTokens === undefined ? undefined : harness.maxBodyBytes?.(contextTokens);
  return limit === undefined ? undefined : Math.max(limit, ALWAYS_PARSED_BYTES);
}

/** The error for a body that is longer than its model can read. */
export function tooLongFor(
  { capabilities, contextTokens }: ServableModel,
  body: { readonly bytes: number; readonly limit: number; readonly hasImage: boolean },
): CortexError {
  if (body.hasImage && !capabilities.includes('vision')) {
    return new CortexError(
      'vision_unsupported',
      'This model cannot read images. Remove the image, or choose a model with vision.',
      { param: 'messages' },
    );
  }
  return new CortexError(
    'context_length_exceeded',
    `This model's maximum context length is ${contextTokens} tokens. However, your request has ${body.bytes} bytes, and the limit for this model is ${body.limit}. Please shorten it.`,
    { param: 'messages' },
  );
}

/**
 * Refuses a body that would be parsed and is too large for that: parsing delays every stream of this daemon.
 *
 * @throws CortexError `request_too_large` naming the size
 */
export function checkParsedSize(
  { lifecycle, harness }: ServableModel,
  { length }: Uint8Array,
  mostBytes: number,
): void {
  if (harness.forwardsBodies === true || length <= mostBytes) return;
  throw new CortexError(
    'request_too_large',
    `The body has ${length} bytes, and ${lifecycle.id} reads at most ${mostBytes} bytes of such a request.`,
  );
}

/**
 * Refuses a prompt that its model cannot read, before it is parsed.
 *
 * @throws CortexError `context_length_exceeded` naming the size, `vision_unsupported` where an image makes the body too
 *   large; as `checkParsedSize`
 */
export function checkBodySize(serving: ServableModel, bytes: Uint8Array): void {
  const limit = bodyLimitOf(serving);
  if (limit === undefined) return checkParsedSize(serving, bytes, ALWAYS_PARSED_BYTES);
  if (bytes.length <= limit) return;
  throw tooLongFor(serving, { bytes: bytes.length, limit, hasImage: hasImagePart(bytes) });
}
