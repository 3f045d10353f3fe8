import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import type { Part } from '../neutral/conversation.ts';
import { isExactObject } from '../neutral/exact-json.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { objectAt } from './read-fields.ts';

/** Types of parts that are text, with the member that has it. */
const TEXT_MEMBERS: ReadonlyMap<unknown, string> = new Map([
  ['input_text', 'text'],
  ['output_text', 'text'],
  ['text', 'text'],
  ['reasoning_text', 'text'],
  ['summary_text', 'text'],
  ['refusal', 'refusal'],
]);

function textPart(part: JsonObject, param: string): string | undefined {
  const member = TEXT_MEMBERS.get(part['type']);
  if (member === undefined) return undefined;
  const text = part[member];
  if (typeof text === 'string') return text;
  throw refuseField(`${param}.${member}`, text === undefined ? 'is missing' : 'must be a string');
}

/** `image_url` is text here; other APIs of OpenAI have an object around it. */
function imageUrl({ image_url: image }: JsonObject, param: string): string {
  const url = isJsonObject(image) ? image['url'] : image;
  if (typeof url === 'string' && url !== '') return url;
  throw refuseField(`${param}.image_url`, 'must be a data: URI or an address');
}

function readPart(value: unknown, param: string): Part | undefined {
  const part = objectAt(value, param);
  const text = textPart(part, param);
  if (text !== undefined) return { type: 'text', text };
  switch (part['type']) {
    case 'input_image':
    case 'image_url':
      return { type: 'image', url: imageUrl(part, param) };
    default:
      return undefined;
  }
}

/**
 * The content of a message: a string, parts, or nothing. Parts of other types are skipped; the table of fields refuses
 * files and audio.
 *
 * @throws CortexError `invalid_request`
 */
export function readParts(content: unknown, param: string): readonly Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw refuseField(param, 'must be a string or a list of parts');
  return content
    .map((part: unknown, index) => readPart(part, `${param}[${index}]`))
    .filter((part) => part !== undefined);
}

/** The text of parts whose text is one after another: what a model has said. */
export const joinText = (parts: readonly Part[], separator = ''): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join(separator);

/**
 * The result of a call: a string, parts, or other JSON, such as the output of a shell, which becomes its text.
 *
 * @throws CortexError as `readParts`
 */
export function readResult(output: unknown, param: string): readonly Part[] {
  const hasParts =
    Array.isArray(output) && output.every((part) => isExactObject(part) && 'type' in part);
  if (hasParts || typeof output === 'string') return readParts(output, param);
  if (output === undefined || output === null) return [];
  return [{ type: 'text', text: JSON.stringify(output) }];
}
