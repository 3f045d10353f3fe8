/** The open brackets of values in another notation, and their form in JSON. */
import type { AnswerText } from '../answer-text.ts';
import type { MemberTypes } from '../member-types.ts';

/** The form of the members of an object: the sign after the key, and the end of the object. */
export interface MemberForm {
  readonly colon: ':' | '=';
  readonly close: '}' | ')';
}

const OBJECT: MemberForm = { colon: ':', close: '}' };

/** An open object, list or tuple. */
export interface Level {
  readonly close: string;
  /** The sign after a key; undefined in a list. */
  readonly colon: string | undefined;
  /** Keys for values without a key, by position. Undefined if every value needs a key. */
  readonly names: readonly string[] | undefined;
  /** The types of the values by key, for the arguments of a known tool. */
  readonly types: MemberTypes | undefined;
  /** Its closing bracket in JSON; empty if it has none. */
  json: '}' | ']' | '';
  /**
   * Round brackets that are a tuple or enclose a single value. The arguments in them are held until that is known; with
   * `one`, a single value is a tuple too.
   */
  undecided: { readonly one: boolean } | undefined;
  /** A list or an object in place of all arguments: its members belong to the outer level. */
  readonly isSpread: boolean;
  count: number;
  /** After an element: a comma or the end follows. */
  isBehind: boolean;
}

const NEW = {
  colon: undefined,
  names: undefined,
  types: undefined,
  undecided: undefined,
  isSpread: false,
  count: 0,
  isBehind: false,
} as const;

/** The arguments of a call. */
export function openArguments(
  text: AnswerText,
  { colon, close }: MemberForm,
  types: MemberTypes,
): Level {
  text.callArguments('{');
  return { ...NEW, close, colon, names: types.keys, types, json: '}' };
}

export type Bracket = '[' | '{' | '(';

const CLOSES: Readonly<Record<Bracket, string>> = { '[': ']', '{': '}', '(': ')' };

export const bracketOf = (char: string): Bracket | undefined =>
  char === '[' || char === '{' || char === '(' ? char : undefined;

/** The list or object that starts with `bracket`, in place of all arguments of `outer`. */
export const openSpread = (bracket: Bracket, outer: Level): Level => ({
  ...outer,
  ...(bracket === '{' && { ...OBJECT, names: undefined }),
  close: CLOSES[bracket],
  json: '',
  isSpread: true,
  isBehind: false,
});

/** The value that starts with `bracket`. @param isTuple - Whether round brackets around a single value are a tuple. */
export function openValue(text: AnswerText, bracket: Bracket, isTuple: boolean): Level {
  if (bracket === '(') {
    text.holdArguments();
    return { ...NEW, close: ')', json: '', undecided: { one: isTuple } };
  }
  text.callArguments(bracket);
  return bracket === '{' ? { ...NEW, ...OBJECT, json: '}' } : { ...NEW, close: ']', json: ']' };
}

/** A comma follows an element of `level`. */
export function afterComma(text: AnswerText, level: Level): void {
  decide(text, level, true);
  level.isBehind = false;
}

/** Closes the last of `levels`. */
export function closeLast(text: AnswerText, levels: Level[]): void {
  const level = levels.pop();
  if (level === undefined) return;
  text.callArguments(endOf(text, level));
  const outer = levels.at(-1);
  if (level.isSpread && outer !== undefined) outer.count += level.count;
}

/** The closing brackets of all levels, the innermost first. Emits the arguments that are held. */
export const endOfAll = (text: AnswerText, levels: readonly Level[]): string =>
  levels
    .toReversed()
    .map((level) => endOf(text, level))
    .join('');

function endOf(text: AnswerText, level: Level): string {
  decide(text, level, level.count === 0 || level.undecided?.one === true);
  return level.json;
}

function decide(text: AnswerText, level: Level, isTuple: boolean): void {
  if (level.undecided === undefined) return;
  text.releaseArguments(isTuple ? '[' : '');
  level.json = isTuple ? ']' : '';
  level.undecided = undefined;
}
