import { CortexError, readJsonViewInSlices } from '@cortex/protocol';

import type { Models } from '../models/models.ts';

/** Bodies up to this size are parsed for every model; that takes a few milliseconds. */
const ALWAYS_PARSED_BYTES = 1 << 20;

const IMAGE_PART = Buffer.from('"image_url"');
const BACKSLASH = 0x5c;

/** Whether the body has an image part. In a text the quotes would be escaped. */
function hasImagePart(bytes: Uint8Array): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = body.indexOf(IMAGE_PART);
  while (at > 0 && body[at - 1] === BACKSLASH) at = body.indexOf(IMAGE_PART, at + 1);
  return at !== -1;
}

/**
 * Refuses a body that its model cannot read, before it is parsed: parsing delays every stream of this daemon.
 *
 * @throws CortexError `context_length_exceeded` naming the size, `vision_unsupported` where an image makes the body too
 *   large, `malformed_json`
 */
export async function checkBodySize(bytes: Uint8Array, models: Models): Promise<void> {
  if (bytes.length <= ALWAYS_PARSED_BYTES) return;
  const { values } = await readJsonViewInSlices(bytes, ['model']);
  const { model } = values;
  const serving = typeof model === 'string' ? models.serving(model) : undefined;
  // An invalid or unknown name is reported when the body is read.
  if (serving === undefined) return;
  const { harness, contextTokens } = serving;
  const limit = contextTokens === undefined ? undefined : harness.maxBodyBytes?.(contextTokens);
  if (limit === undefined || bytes.length <= Math.max(limit, ALWAYS_PARSED_BYTES)) return;
  if (hasImagePart(bytes) && !serving.capabilities.includes('vision')) {
    throw new CortexError(
      'vision_unsupported',
      'This model cannot read images. Remove the image, or choose a model with vision.',
      { param: 'messages' },
    );
  }
  throw new CortexError(
    'context_length_exceeded',
    `This model's maximum context length is ${contextTokens} tokens. However, your request has ${bytes.length} bytes, and the limit for this model is ${limit}. Please shorten it.`,
    { param: 'messages' },
  );
}
