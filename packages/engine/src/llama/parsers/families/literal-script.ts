/** Translates values in another notation (Gemma's, Python's) to JSON as they arrive. */
import type { AnswerText, Script } from '../answer-text.ts';
import { MemberTypes } from '../member-types.ts';
import { isTooLong, parseJson, readOneOf } from '../script-steps.ts';
import {
  afterComma,
  bracketOf,
  closeLast,
  endOfAll,
  type Level,
  type MemberForm,
  openArguments,
  openSpread,
  openValue,
} from './literal-levels.ts';
import { readString, type StringQuote } from './literal-string.ts';

export interface Notation {
  /** For the arguments; objects within them are `{key: value}`. */
  readonly members: MemberForm;
  /** Delimiters of strings and keys. None is a prefix of another. */
  readonly quotes: readonly StringQuote[];
}

/** Spellings of constants in either notation. Some templates print an empty text for null. */
const CONSTANTS: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  None: 'null',
  '': 'null',
};

/** Ends an unquoted value, in addition to the end of the members. */
const BARE_ENDS = [',', ']', '}', '<', '\n'];
const NO_KEY = /[,{}[\]()<>"'\n]/;

/**
 * Emits the members after the opening bracket as one JSON object.
 *
 * A value without a key is the parameter of the called tool at its position. Text that cannot be parsed ends the object and
 * stays unread. False: the answer ends within the object.
 */
export function* streamMembers(text: AnswerText, notation: Notation): Script<boolean> {
  const types = new MemberTypes(text.calledTool?.parameters);
  const levels = [openArguments(text, notation.members, types)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const first = yield* nextChar(text);
    if (first === undefined) return cutOff(text, levels, BETWEEN);
    if (first === level.close) {
      text.take();
      closeLast(text, levels);
    } else if (level.isBehind) {
      if (first !== ',') return closeAll(text, levels);
      text.take();
      afterComma(text, level);
    } else {
      const outcome = yield* readElement(text, { notation, levels, level });
      if (outcome === 'read') continue;
      if ('lost' in outcome) return closeAll(text, levels, outcome.lost);
      return cutOff(text, levels, outcome);
    }
  }
  return true;
}

/** The place within an element where the answer ends. */
interface CutShort {
  /** Its missing JSON text. */
  readonly missing: string;
  readonly place: 'in a value' | 'between values';
}

const BETWEEN: CutShort = { missing: '', place: 'between values' };
const IN_STRING: CutShort = { missing: '"', place: 'in a value' };
const IN_KEY: CutShort = { missing: '', place: 'in a value' };
const AFTER_KEY: CutShort = { missing: 'null', place: 'in a value' };

function cutOff(text: AnswerText, levels: readonly Level[], { missing, place }: CutShort): false {
  text.endCall(missing + endOfAll(text, levels), place);
  return false;
}

interface Element {
  readonly notation: Notation;
  readonly levels: Level[];
  readonly level: Level;
}

/** Not an element: the text read is held, and `lost` precedes it. */
interface Broken {
  readonly lost: string;
}

const BROKEN: Broken = { lost: '' };

/** Reads a member or an item from its held first character. */
function* readElement(
  text: AnswerText,
  { notation, levels, level }: Element,
): Script<'read' | CutShort | Broken> {
  const spread = yield* readSpread(text, level);
  if (spread !== undefined) {
    level.isBehind = true;
    levels.push(spread);
    return 'read';
  }
  const separator = level.count === 0 ? '' : ', ';
  let name: string | undefined;
  if (level.colon === undefined) text.callArguments(separator);
  else {
    const key = yield* readKey(text, { notation, level });
    if (!('name' in key)) return key;
    name = key.name;
    text.callArguments(`${separator}${JSON.stringify(name)}: ${key.value ?? ''}`);
    level.isBehind = true;
    if (key.value !== undefined) {
      level.count++;
      return 'read';
    }
    if (key.isHeld === undefined && (yield* nextChar(text)) === undefined) return AFTER_KEY;
  }
  level.count++;
  level.isBehind = true;
  const quote = yield* readQuote(text, notation);
  if (quote === 'cut short') return AFTER_KEY;
  if (quote !== undefined) return (yield* streamString(text, quote)) ? 'read' : IN_STRING;
  const bracket = bracketOf(text.held);
  if (bracket === undefined) {
    const ends = [...BARE_ENDS, notation.members.close, level.close];
    return (yield* readBare(text, ends, numberReader(level, name))) ? 'read' : BETWEEN;
  }
  text.take();
  const isList = name !== undefined && level.types?.isOnly(name, 'array') === true;
  levels.push(openValue(text, bracket, isList));
  return 'read';
}

/**
 * A list or an object in place of all arguments: after stars, as in Python, or if the first parameter can be neither.
 * Its bracket is taken. Undefined: there is none, and the first character stays held.
 */
function* readSpread(text: AnswerText, level: Level): Script<Level | undefined> {
  const [first] = level.names ?? [];
  if (level.names === undefined || level.count > 0 || level.isSpread) return undefined;
  while (/^\*+$/.test(text.held) && (yield* text.more()));
  const bracket = bracketOf(text.held.slice(-1));
  const hasStars = text.held.startsWith('*');
  const isOther = bracket !== '(' && bracket !== undefined && level.types?.excludes(first, bracket);
  if (bracket !== undefined && (hasStars || isOther === true)) {
    text.take();
    return openSpread(bracket, level);
  }
  if (hasStars) {
    text.reread();
    yield* text.more();
  }
  return undefined;
}

interface KeyForm {
  readonly notation: Notation;
  readonly level: Level;
}

interface Key {
  readonly name: string;
  /** JSON of a value without a key that is already read. */
  readonly value?: string;
  /** Set for a list, an object or a tuple without a key; its bracket is held. */
  readonly isHeld?: true;
}

/** Reads a key and the sign after it. A value without a key gets the key of its position. */
function* readKey(text: AnswerText, { notation, level }: KeyForm): Script<Key | CutShort | Broken> {
  const { colon = ':' } = level;
  const position = level.names && (level.names[level.count] ?? String(level.count));
  const quote = yield* readQuote(text, notation);
  if (quote === 'cut short') return IN_KEY;
  if (quote !== undefined) {
    text.take();
    let name = '';
    const isWhole = yield* readString(text, quote, (piece) => {
      name += piece;
    });
    const behind = isWhole ? yield* nextChar(text) : undefined;
    if (behind !== colon) {
      if (position !== undefined) return { name: position, value: JSON.stringify(name) };
      return behind === undefined ? IN_KEY : { lost: quote.mark + name + quote.mark };
    }
    text.take();
    return { name };
  }
  if (position !== undefined && bracketOf(text.held) !== undefined)
    return { name: position, isHeld: true };
  while (!text.held.endsWith(colon)) {
    const word = text.held.slice(0, -1).trim();
    const isValue = word !== '' && [',', level.close].includes(text.held.slice(-1));
    if (position !== undefined && isValue) {
      text.reread(text.held.length - 1);
      return { name: position, value: bareJson(word, numberReader(level, position)) };
    }
    if (isTooLong(text) || NO_KEY.test(text.held)) return BROKEN;
    if (yield* text.more()) continue;
    text.take();
    return IN_KEY;
  }
  const name = text.held.slice(0, -colon.length).trim();
  if (name === '') return BROKEN;
  text.take();
  return { name };
}

/** Reads a delimiter that starts with the held text; only the delimiter stays held. Undefined if there is none. */
function* readQuote(
  text: AnswerText,
  { quotes }: Notation,
): Script<StringQuote | 'cut short' | undefined> {
  const marks = quotes.map((quote) => quote.mark);
  const mark = yield* readOneOf(text, marks);
  if (mark === undefined && marks.some((one) => one.startsWith(text.held))) {
    text.take();
    return 'cut short';
  }
  return quotes.find((quote) => quote.mark === mark);
}

/** Emits a string whose opening delimiter is held. False: the answer ends within it. */
function* streamString(text: AnswerText, quote: StringQuote): Script<boolean> {
  text.take();
  text.callArguments('"');
  const isWhole = yield* readString(text, quote, (piece) =>
    text.callArguments(JSON.stringify(piece).slice(1, -1)),
  );
  if (isWhole) text.callArguments('"');
  return isWhole;
}

/** Emits an unquoted value that starts with the held text. False: the answer ends within it. */
function* readBare(
  text: AnswerText,
  ends: readonly string[],
  numberOf: NumberReader,
): Script<boolean> {
  text.reread();
  while (yield* text.more()) {
    if (!ends.includes(text.held.slice(-1))) continue;
    const value = text.take(text.held.length - 1).trim();
    text.reread();
    text.callArguments(bareJson(value, numberOf));
    return true;
  }
  const rest = text.take();
  text.callArguments(text.isCutOff ? rest : bareJson(rest.trim(), numberOf));
  return false;
}

/** The JSON of a number in another notation; undefined if the value may be a string. */
type NumberReader = (value: string) => string | undefined;

const numberReader =
  ({ types }: Level, key: string | undefined): NumberReader =>
  (value) =>
    key === undefined ? undefined : types?.number(key, value);

function bareJson(value: string, numberOf: NumberReader): string {
  const json = CONSTANTS[value] ?? value;
  return parseJson(json) === undefined ? (numberOf(value) ?? JSON.stringify(value)) : json;
}

/** The next character that is not white space; only it stays held. Undefined at the end of the answer. */
function* nextChar(text: AnswerText): Script<string | undefined> {
  if (text.held.trim() !== '') return text.held;
  do text.take();
  while ((yield* text.more()) && text.held.trim() === '');
  return text.held === '' || text.held.trim() === '' ? undefined : text.held;
}

/** Closes all open brackets, so that the arguments are JSON. The held text stays unread, after `lost`. */
function closeAll(text: AnswerText, levels: readonly Level[], lost = ''): true {
  text.callArguments(endOfAll(text, levels));
  text.content(lost);
  text.reread();
  return true;
}
