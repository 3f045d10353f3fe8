import { CortexError, readJsonViewInSlices } from '@cortex/protocol';

import type { Models } from '../models/models.ts';

/** Bodies up to this size are parsed whatever model they are for: that takes a few milliseconds. */
const ALWAYS_PARSED_BYTES = 1 << 20;

/**
 * Refuses a body that its model could not read, before it is parsed: parsing holds up every stream of this daemon.
 *
 * @throws CortexError `context_length_exceeded` naming the size; `malformed_json`
 */
export async function checkBodySize(bytes: Uint8Array, models: Models): Promise<void> {
  if (bytes.length <= ALWAYS_PARSED_BYTES) return;
  const { values } = await readJsonViewInSlices(bytes, ['model']);
  const { model } = values;
  const serving = typeof model === 'string' ? models.serving(model) : undefined;
  // What is wrong with the name is told when the body is read.
  if (serving === undefined) return;
  const { harness, contextTokens } = serving;
  const limit = harness.maxBodyBytes?.(contextTokens);
  if (limit === undefined || bytes.length <= Math.max(limit, ALWAYS_PARSED_BYTES)) return;
  throw new CortexError(
    'context_length_exceeded',
    `This model's maximum context length is ${contextTokens} tokens. However, your request has ${bytes.length} bytes, and no more than ${limit} are read. Please shorten it.`,
    { param: 'messages' },
  );
}
