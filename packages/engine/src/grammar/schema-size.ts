/** Size limits of a schema, checked before it is read. Pure. */
import { CortexError } from '@cortex/protocol';

/** Approximate limit in characters of JSON. Real schemas have some tens of thousands. */
const MAX_CHARS = 1024 * 1024;

/** The most levels of lists and objects; a level of a schema takes two. The converter recurses per level. */
const MAX_DEPTH = 256;

/**
 * The approximate number of characters of `schema`.
 *
 * @throws CortexError `invalid_request` if it is too large or nested too deeply.
 */
export function checkSize(schema: unknown): number {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: schema, depth: 0 }];
  let chars = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (depth > MAX_DEPTH) throw refused(`it is nested more than ${MAX_DEPTH} levels deep`);
    if (typeof value === 'string') chars += value.length + 2;
    else if (typeof value !== 'object' || value === null) chars += 5;
    else if (Array.isArray(value)) {
      chars += value.length + 2;
      if (chars <= MAX_CHARS)
        for (const item of value) open.push({ value: item, depth: depth + 1 });
    } else {
      for (const [key, item] of Object.entries(value)) {
        chars += key.length + 4;
        open.push({ value: item, depth: depth + 1 });
      }
    }
    if (chars > MAX_CHARS)
      throw refused(`it is larger than ${MAX_CHARS / 1024} KiB of JSON; remove unused parts`);
  }
  return chars;
}

const refused = (why: string): CortexError =>
  new CortexError('invalid_request', `The JSON schema is too large to enforce: ${why}.`, {
    param: 'response_format',
  });
