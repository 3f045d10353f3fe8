/** Arguments of calls: objects in Ollama's API, JSON text everywhere else. */
import type { JsonObject } from '../../json/json-object.ts';
import { parseExactObject } from '../neutral/exact-json.ts';

/** The member under which a client gets arguments that are not an object. No tool has a parameter of this name. */
const UNREADABLE = '_raw_arguments';

/** The text that `json` is a string of; empty if it is something else. */
function textIn(json: string): string {
  if (!json.trimStart().startsWith('"')) return '';
  try {
    return String(JSON.parse(json));
  } catch {
    // The answer was cut off within the call, or the model cannot write JSON.
    return '';
  }
}

/**
 * The arguments that a model wrote, as an object. Text that is not one is not repaired, because a tool would run with
 * half of its arguments: it is kept in one member, which no tool accepts, so that the model learns of its mistake.
 */
export function toArgumentObject(text: string): JsonObject {
  if (text.trim() === '') return {};
  // Some models write the object as text.
  return parseExactObject(text) ?? parseExactObject(textIn(text)) ?? { [UNREADABLE]: text };
}

/** The text of arguments that a client sends back; the inverse of `toArgumentObject`. */
export function toArgumentText(value: JsonObject | string | null | undefined): string {
  if (value === undefined || value === null || value === '') return '{}';
  if (typeof value === 'string') return value;
  const { [UNREADABLE]: unreadable, ...others } = value;
  return typeof unreadable === 'string' && Object.keys(others).length === 0
    ? unreadable
    : JSON.stringify(value);
}
