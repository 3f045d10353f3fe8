import type { JsonObject } from '../../json/json-object.ts';

/** Line ends for readers that split text as Unicode has it, among them the Python client. JSON need not escape them. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g;

const escape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A line of a streamed answer. */
export const toLine = (part: JsonObject): string =>
  `${JSON.stringify(part).replace(LINE_ENDS, escape)}\n`;
