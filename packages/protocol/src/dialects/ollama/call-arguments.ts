/** Arguments of calls: objects in Ollama's API, JSON text everywhere else. */
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { parseExactly } from './exact-json.ts';

/** The member under which a client gets arguments that are not an object. No tool has a parameter of this name. */
const UNREADABLE = '_raw_arguments';

function parse(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    return undefined;
  }
}

/**
 * The arguments that a model wrote, as an object. Text that is not one is not repaired, because a tool would run with
 * half of its arguments: it is kept in one member, which no tool accepts, so that the model learns of its mistake.
 */
export function toArgumentObject(text: string): JsonObject {
  if (text.trim() === '') return {};
  const value = parse(text);
  if (isJsonObject(value)) return value;
  // Some models write the object as text.
  const inner = typeof value === 'string' ? parse(value) : undefined;
  return isJsonObject(inner) ? inner : { [UNREADABLE]: text };
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
