/** Values in a notation of their own (Gemma's, Python's), handed out as JSON as they come. */
import type { AnswerText, Script } from '../answer-text.ts';
import { isTooLong, parseJson, readOneOf } from '../script-steps.ts';
import { readString, type StringQuote } from './literal-string.ts';

/** How the members of an object stand: what is behind the key, and what ends the last one. */
export interface MemberForm {
  readonly colon: ':' | '=';
  readonly close: '}' | ')';
}

export interface Notation {
  /** Of the arguments as a whole; objects within them are `{key: value}`. */
  readonly members: MemberForm;
  /** What may stand around strings and keys. None begins with another. */
  readonly quotes: readonly StringQuote[];
}

/** An object or list that is open. */
interface Level {
  readonly close: string;
  /** Behind a key; undefined in a list. */
  readonly colon: string | undefined;
  /** What closes it in JSON. */
  readonly json: '}' | ']';
  count: number;
  /** An element has just ended: a comma comes, or the end. */
  isBehind: boolean;
}

const OBJECT: MemberForm = { colon: ':', close: '}' };

/** Spellings that models of either notation write; nothing at all is what some templates print for null. */
const CONSTANTS: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  None: 'null',
  '': 'null',
};

/** What ends a value that stands bare, beside the end of all members. */
const BARE_ENDS = [',', ']', '}', '<', '\n'];
const NO_KEY = /[,{}[\]()<>"'\n]/;

/**
 * Hands out the members that come next, behind the bracket that opens them, as one JSON object.
 *
 * What stands where none of them can be read ends the object, and will be read again. False: the answer ends within it.
 */
export function* streamMembers(text: AnswerText, notation: Notation): Script<boolean> {
  const levels = [openObject(text, notation.members)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const first = yield* nextChar(text);
    if (first === undefined) return false;
    if (first === level.close) {
      text.take();
      text.callArguments(level.json);
      levels.pop();
    } else if (level.isBehind) {
      if (first !== ',') return closeAll(text, levels);
      text.take();
      level.isBehind = false;
    } else {
      const outcome = yield* readElement(text, { notation, levels, level });
      if (outcome === 'cut short') return false;
      if (outcome !== 'read') return closeAll(text, levels, outcome.lost);
    }
  }
  return true;
}

interface Element {
  readonly notation: Notation;
  readonly levels: Level[];
  readonly level: Level;
}

/** Nothing to read: what was read is held, and `lost` stands before it. */
interface Broken {
  readonly lost: string;
}

const BROKEN: Broken = { lost: '' };

/** A member or an item, whose first character is held. */
function* readElement(
  text: AnswerText,
  { notation, levels, level }: Element,
): Script<'read' | 'cut short' | Broken> {
  const separator = level.count === 0 ? '' : ', ';
  if (level.colon === undefined) text.callArguments(separator);
  else {
    const key = yield* readKey(text, { notation, colon: level.colon });
    if (key === 'cut short' || 'lost' in key) return key;
    text.callArguments(`${separator}${JSON.stringify(key.name)}: `);
    if ((yield* nextChar(text)) === undefined) return 'cut short';
  }
  level.count++;
  level.isBehind = true;
  const quote = yield* readQuote(text, notation);
  if (quote === 'cut short') return quote;
  if (quote !== undefined) return (yield* streamString(text, quote)) ? 'read' : 'cut short';
  const [first] = text.held;
  if (first !== '{' && first !== '[')
    return (yield* readBare(text, notation)) ? 'read' : 'cut short';
  text.take();
  levels.push(first === '{' ? openObject(text, OBJECT) : openList(text));
  return 'read';
}

interface KeyForm {
  readonly notation: Notation;
  readonly colon: string;
}

/** A key and what stands behind it, in quotes or bare. */
function* readKey(
  text: AnswerText,
  { notation, colon }: KeyForm,
): Script<{ readonly name: string } | 'cut short' | Broken> {
  const quote = yield* readQuote(text, notation);
  if (quote === 'cut short') return quote;
  let name = '';
  if (quote !== undefined) {
    text.take();
    const isWhole = yield* readString(text, quote, (piece) => {
      name += piece;
    });
    const behind = isWhole ? yield* nextChar(text) : undefined;
    if (behind === undefined) return 'cut short';
    if (behind !== colon) return { lost: quote.mark + name + quote.mark };
  } else {
    while (!text.held.endsWith(colon)) {
      if (isTooLong(text) || NO_KEY.test(text.held)) return BROKEN;
      if (!(yield* text.more())) {
        text.take();
        return 'cut short';
      }
    }
    name = text.held.slice(0, -colon.length).trim();
    if (name === '') return BROKEN;
  }
  text.take();
  return { name };
}

/** The quote that begins with what is held, and nothing but that held; undefined where there is none. */
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

/** Hands out a string behind its first quote, which is held. False: the answer ends within it. */
function* streamString(text: AnswerText, quote: StringQuote): Script<boolean> {
  text.take();
  text.callArguments('"');
  const isWhole = yield* readString(text, quote, (piece) =>
    text.callArguments(JSON.stringify(piece).slice(1, -1)),
  );
  if (isWhole) text.callArguments('"');
  return isWhole;
}

/** Hands out a value that stands bare and begins with what is held. False: the answer ends within it. */
function* readBare(text: AnswerText, { members }: Notation): Script<boolean> {
  text.reread();
  while (yield* text.more()) {
    const last = text.held.slice(-1);
    if (!BARE_ENDS.includes(last) && last !== members.close) continue;
    const value = text.take(text.held.length - 1).trim();
    text.reread();
    const json = CONSTANTS[value] ?? value;
    text.callArguments(parseJson(json) === undefined ? JSON.stringify(value) : json);
    return true;
  }
  text.callArguments(text.take());
  return false;
}

/** The first character that is no white space, which alone is held then; undefined at the end of the answer. */
function* nextChar(text: AnswerText): Script<string | undefined> {
  if (text.held.trim() !== '') return text.held;
  do text.take();
  while ((yield* text.more()) && text.held.trim() === '');
  return text.held === '' || text.held.trim() === '' ? undefined : text.held;
}

function openObject(text: AnswerText, { colon, close }: MemberForm): Level {
  text.callArguments('{');
  return { close, colon, json: '}', count: 0, isBehind: false };
}

function openList(text: AnswerText): Level {
  text.callArguments('[');
  return { close: ']', colon: undefined, json: ']', count: 0, isBehind: false };
}

/** What is open ends here, so that the arguments are JSON; what is held will be read again, behind `lost`. */
function closeAll(text: AnswerText, levels: readonly Level[], lost = ''): true {
  for (const { json } of levels.toReversed()) text.callArguments(json);
  text.content(lost);
  text.reread();
  return true;
}
