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

/** Levels of objects and lists in a body. Code that calls itself for each level must not run out of stack. */
const MAX_LEVELS = 1000;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return members.some((member) => isDeeper(member, levels - 1));
}

const tooDeep = (cause?: RangeError): CortexError =>
  new CortexError('invalid_request', `The body is nested more than ${MAX_LEVELS} levels deep.`, {
    cause,
  });

/**
 * The body of a client's request. Its numbers keep their spelling, as `parseExactly` says.
 *
 * @throws CortexError `malformed_json` for anything but a JSON object in UTF-8, `invalid_request` for one of more than
 * `MAX_LEVELS`
 */
export function parseBody(bytes: Uint8Array): JsonObject {
  const text = decode(bytes);
  let body: unknown;
  try {
    body = parseExactly(text);
  } catch (cause) {
    // The parser calls itself for each level.
    throw cause instanceof RangeError ? tooDeep(cause) : malformed(bytes, cause);
  }
  if (isDeeper(body, MAX_LEVELS)) throw tooDeep();
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
