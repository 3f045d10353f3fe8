import type { AnswerText, Script } from './answer-text.ts';
import { isTooLong } from './script-steps.ts';

/** The position of a string, which decides the text that may follow it. */
interface JsonString {
  readonly isKey: boolean;
  /** Open brackets, the innermost last. */
  readonly closers: readonly string[];
  /** Gets the JSON text between the quotes, in pieces. */
  readonly settle: (piece: string) => void;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
};

/**
 * Emits the string whose first quote is held, its quotes included. False: the answer ends within the string, and no
 * closing quote was emitted.
 */
export function* readJsonString(text: AnswerText, string: JsonString): Script<boolean> {
  const { settle } = string;
  const quote = text.take();
  text.callArguments('"');
  while (yield* text.more()) {
    const char = text.held;
    if (char === quote) {
      const isEnd = yield* endsString(text, string);
      text.reread(1);
      if (isEnd) {
        text.callArguments('"');
        return true;
      }
      settle(asText(quote));
    } else if (char === '\\') yield* readEscape(text, settle);
    else settle(asText(text.take()));
  }
  return false;
}

/** The JSON form of an unescaped character within a string. */
function asText(char: string): string {
  if (char === '"') return String.raw`\"`;
  if (char >= ' ') return char;
  return ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * Reads an escape whose backslash is held. An escape that JSON does not have becomes an escaped backslash and its
 * character.
 */
function* readEscape(text: AnswerText, settle: JsonString['settle']): Script<void> {
  if (!(yield* text.more())) {
    if (text.isCutOff) settle(text.take());
    text.take();
    return;
  }
  const kind = text.held.slice(1);
  if (kind === "'") settle(text.take().slice(1));
  else if ('"\\/bfnrt'.includes(kind)) settle(text.take());
  else if (kind !== 'u' || !(yield* isCode(text))) {
    text.reread(1);
    settle(String.raw`\\`);
  } else settle(text.take());
}

/** Whether four hexadecimal digits follow; they are then held. An escape that is cut off counts as complete. */
function* isCode(text: AnswerText): Script<boolean> {
  while (text.held.length < 6) {
    if (!(yield* text.more())) return text.isCutOff;
    if (!/^\\u[\da-fA-F]+$/.test(text.held)) return false;
  }
  return true;
}

/** Whether the held quote ends the string, judged by the text after it. That text stays held. */
function* endsString(text: AnswerText, string: JsonString): Script<boolean> {
  while ((yield* text.more()) && !isTooLong(text)) {
    const isEnd = mayFollow(text.held.slice(1), string, text.syntax.markers);
    if (isEnd !== undefined) return isEnd;
  }
  return !isTooLong(text);
}

/** Whether `behind` may follow a string. Undefined: more text is needed. */
function mayFollow(
  behind: string,
  { isKey, closers }: JsonString,
  markers: readonly string[],
): boolean | undefined {
  let rest = behind.trimStart();
  if (rest === '') return undefined;
  if (isKey) return ':=,}'.includes(rest.charAt(0));
  const open = [...closers];
  for (; rest !== '' && '}]'.includes(rest.charAt(0)); rest = rest.slice(1).trimStart())
    if (open.pop() === undefined) return true;
  if (rest === '') return undefined;
  const [first = ''] = rest;
  const hasClosed = open.length < closers.length;
  if (first === ',' && open.length > 0) {
    const element = rest.slice(1).trimStart();
    if (element === '') return undefined;
    return open.at(-1) === ']' || `"'}]`.includes(element.charAt(0));
  }
  if (hasClosed) return first !== '"';
  if (markers.some((marker) => rest.startsWith(marker))) return true;
  return markers.some((marker) => marker.startsWith(rest)) ? undefined : false;
}
