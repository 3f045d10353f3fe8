/** Parses the JSON of clients and nodes, with the error that each of them deserves. */
import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { readJsonView } from '../../json/json-view.ts';
import { isExactObject, parseExactly } from './exact-json.ts';

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CortexError('malformed_json', 'The body is not valid UTF-8.', { cause });
  }
}

/** The error for text that is not JSON, with the byte at fault where the scanner finds it. */
function malformed(bytes: Uint8Array, cause: unknown): CortexError {
  try {
    readJsonView(bytes, []);
  } catch (found) {
    if (found instanceof CortexError) return found;
  }
  return new CortexError('malformed_json', 'The body is not valid JSON.', { cause });
}

/**
 * The body of a client's request. Its numbers keep their spelling, as `parseExactly` says.
 *
 * @throws CortexError `malformed_json` for anything but a JSON object in UTF-8, `invalid_request` for one that is nested
 * too deeply
 */
export function parseBody(bytes: Uint8Array): JsonObject {
  const text = decode(bytes);
  let body: unknown;
  try {
    body = parseExactly(text);
  } catch (cause) {
    // The parser calls itself for each level.
    throw cause instanceof RangeError
      ? new CortexError('invalid_request', 'The body is nested too deeply.', { cause })
      : malformed(bytes, cause);
  }
  if (isExactObject(body)) return body;
  throw malformed(bytes, undefined);
}

function parseOfNode(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CortexError('node_protocol_error', `The node sent ${what} that is not JSON.`, {
      cause,
    });
  }
}

/** A whole answer of a node. @throws CortexError `node_protocol_error` */
export const parseAnswer = (bytes: Uint8Array): unknown =>
  parseOfNode(new TextDecoder().decode(bytes), 'an answer');

/** The data of one event of a node. @throws CortexError `node_protocol_error` */
export const parseEvent = (data: string): unknown => parseOfNode(data, 'an event');
