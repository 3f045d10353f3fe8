import type { AnswerText, Script } from './answer-text.ts';
import { isTooLong } from './script-steps.ts';

/** What says what may stand behind a string. */
interface JsonString {
  readonly isKey: boolean;
  /** Brackets that are open, the innermost last. */
  readonly closers: readonly string[];
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
};

/** Hands out the string that begins with the quote held. False: the answer ends within it, and its last quote is missing. */
export function* readJsonString(text: AnswerText, string: JsonString): Script<boolean> {
  const quote = text.take();
  text.callArguments('"');
  while (yield* text.more()) {
    const char = text.held;
    if (char === quote) {
      const isEnd = yield* endsString(text, string);
      text.reread(1);
      text.callArguments(isEnd ? '"' : asText(quote));
      if (isEnd) return true;
    } else if (char === '\\') yield* readEscape(text);
    else text.callArguments(asText(text.take()));
  }
  return false;
}

/** A character that is not escaped, as it stands within a string of JSON. */
function asText(char: string): string {
  if (char === '"') return String.raw`\"`;
  if (char >= ' ') return char;
  return ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** An escape, the backslash of which is held: as it stands where JSON has it, else with the backslash as a character. */
function* readEscape(text: AnswerText): Script<void> {
  if (!(yield* text.more())) {
    if (text.isCutOff) text.callArguments(text.take());
    text.take();
    return;
  }
  const kind = text.held.slice(1);
  if (kind === "'") text.callArguments(text.take().slice(1));
  else if ('"\\/bfnrt'.includes(kind)) text.callArguments(text.take());
  else if (kind !== 'u' || !(yield* isCode(text))) {
    text.reread(1);
    text.callArguments(String.raw`\\`);
  } else text.callArguments(text.take());
}

/** Whether four hexadecimal digits follow, which are held then; what the answer ends in is taken for some. */
function* isCode(text: AnswerText): Script<boolean> {
  while (text.held.length < 6) {
    if (!(yield* text.more())) return text.isCutOff;
    if (!/^\\u[\da-fA-F]+$/.test(text.held)) return false;
  }
  return true;
}

/** Whether the quote that is held ends the string: what is behind it must be able to follow. All of that stays held. */
function* endsString(text: AnswerText, string: JsonString): Script<boolean> {
  while ((yield* text.more()) && !isTooLong(text)) {
    const isEnd = mayFollow(text.held.slice(1), string, text.markers);
    if (isEnd !== undefined) return isEnd;
  }
  return !isTooLong(text);
}

/** Whether `behind` can follow a string; undefined while that is open. */
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
