/**
 * Thoughts inside `encrypted_content`, for clients that return nothing else of a reasoning item. They are encoded, not
 * encrypted: the client has them in clear text beside it.
 */
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { joinText, readParts } from './read-parts.ts';

/** Tells our text from that of other servers, which only they can read. */
const MARK = 'cortex:';

export const packThoughts = (text: string): string =>
  `${MARK}${Buffer.from(text, 'utf8').toString('base64')}`;

/** Whether `packThoughts` has made it. */
export const isPacked = (value: unknown): value is string =>
  typeof value === 'string' && value.startsWith(MARK);

function unpackThoughts(value: unknown): string {
  if (!isPacked(value)) return '';
  return Buffer.from(value.slice(MARK.length), 'base64').toString('utf8');
}

/**
 * The thoughts of a reasoning item of the history; empty for those of other servers, which are encrypted.
 *
 * @throws CortexError `invalid_request`
 */
export function readThoughts(item: JsonObject, param: string): string {
  const { content, summary, encrypted_content: packed } = item;
  const text = joinText(readParts(content, `${param}.content`));
  if (text !== '') return text;
  const summed = Array.isArray(summary) ? summary.filter(isJsonObject) : summary;
  return joinText(readParts(summed, `${param}.summary`), '\n\n') || unpackThoughts(packed);
}
