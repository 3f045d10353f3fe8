import type { AnswerText, Script } from '../answer-text.ts';
import { MAX_HEAD_CHARS } from '../script-steps.ts';
import type { ParameterTypes } from './parameter-types.ts';

/** The tag that ends a value, and what may follow it. The same tag elsewhere in a value is text. */
export interface ValueTags {
  readonly ends: readonly string[];
  readonly followers: readonly string[];
  /** Belongs to the tags at the start or end of a value. */
  readonly lineBreak: '\n' | '';
  /** The tag that starts another parameter; its first group is the key. */
  readonly parameter: RegExp;
  /** The start of that tag. */
  readonly parameterOpen: string;
  /** Tags that end the call. */
  readonly callEnds: readonly string[];
  /** Tags that start another call. */
  readonly callOpens: readonly string[];
}

interface Parameter {
  readonly key: string;
  readonly isFirst: boolean;
  readonly types: Pick<ParameterTypes, 'isText' | 'read'>;
  /** Keys of the other parameters of the call. */
  readonly others: ReadonlySet<string>;
  readonly tags: ValueTags;
}

/** Emits one parameter as a member of the arguments, reading its value next. False: the answer ends within it. */
export function* readParameter(
  text: AnswerText,
  { key, isFirst, types, others, tags }: Parameter,
): Script<boolean> {
  text.callArguments(`${isFirst ? '{' : ', '}${JSON.stringify(key)}: `);
  if (types.isText(key)) {
    text.callArguments('"');
    const isComplete = yield* readValue(text, { tags, others }, (piece) =>
      text.callArguments(JSON.stringify(piece).slice(1, -1)),
    );
    if (isComplete) text.callArguments('"');
    else text.endCall('"}', 'in a value');
    return isComplete;
  }
  let value = '';
  const isComplete = yield* readValue(text, { tags, others }, (piece) => {
    value += piece;
  });
  text.callArguments(isComplete || !text.isCutOff ? types.read(key, value) : value);
  if (!isComplete) text.endCall('}', 'in a value');
  return isComplete;
}

interface ValueForm {
  readonly tags: ValueTags;
  readonly others: ReadonlySet<string>;
}

/**
 * Passes the text of a value to `settle` as it arrives, and takes the closing tag.
 *
 * If the closing tag is missing, the value ends where another parameter of the tool begins, or where the call ends.
 * Either may also be part of the value. The text that follows decides, and is held until then.
 */
function* readValue(
  text: AnswerText,
  { tags, others }: ValueForm,
  settle: (piece: string) => void,
): Script<boolean> {
  let isBegun = false;
  let value = '';
  const opensTag = (): boolean => count(value, [tags.parameterOpen]) > count(value, tags.ends);
  while (yield* text.more()) {
    if (!isBegun && text.held === tags.lineBreak) text.take();
    const end = endOfValue(text.held, { tags, others, isBegun, opensTag });
    isBegun = true;
    const piece = text.take(end.start);
    value += piece;
    settle(piece);
    if (end.kind === 'tag') {
      text.reread(end.length);
      return true;
    }
    if (end.kind !== 'no tag') continue;
    const close = yield* closeAfter(text, { tags, isCallEnd: end.isCallEnd });
    if (close === undefined) {
      text.reread(text.held.startsWith('\n') ? 1 : 0);
      return true;
    }
    settle(text.take(close.start));
    text.reread(close.end - close.start);
    return true;
  }
  const last = text.take();
  const isComplete = tags.ends.some((end) => last.trimStart().startsWith(end));
  if (!isComplete) settle(last);
  return isComplete;
}

/** Whether the end of a value starts in the held text: no, perhaps at `start`, or certainly at `start`. */
type ValueEnd =
  | { readonly kind: 'none' | 'open'; readonly start: number }
  /** `length`: of the closing tag, with its line break and its repetitions. */
  | { readonly kind: 'tag'; readonly start: number; readonly length: number }
  | { readonly kind: 'no tag'; readonly start: number; readonly isCallEnd: boolean };

interface ValueState extends ValueForm {
  readonly isBegun: boolean;
  /** Whether the value so far opens a parameter itself, so that the next closing tag is part of it. */
  readonly opensTag: () => boolean;
}

function endOfValue(held: string, { tags, others, isBegun, opensTag }: ValueState): ValueEnd {
  const { ends, followers, lineBreak } = tags;
  for (let start = 0; start < held.length; start++) {
    const isBreak = held[start] === lineBreak;
    const behind = held.slice(isBreak ? start + 1 : start);
    for (const tag of ends) {
      if (!behind.startsWith(tag)) {
        if (tag.startsWith(behind)) return { kind: 'open', start };
        continue;
      }
      if (behind.length > MAX_HEAD_CHARS) continue;
      // Some models write the closing tag twice.
      const isOwnLine = lineBreak === '' || isBreak || (start === 0 && !isBegun);
      const repeated = isOwnLine && !opensTag() ? ends : [];
      const next = behind.slice(lengthOfRepeated(behind, { tag, repeated })).trimStart();
      const length = held.length - start - next.length;
      if (followers.includes(next)) return { kind: 'tag', start, length };
      const may = [...followers, ...repeated];
      if (may.some((follower) => follower.startsWith(next))) return { kind: 'open', start };
    }
    // In families that write tags on separate lines, a tag elsewhere is text.
    const startsLine = held[start] === '\n';
    if (lineBreak !== '' && !startsLine && (start > 0 || isBegun)) continue;
    const without = endWithoutTag(held.slice(startsLine ? start + 1 : start), { tags, others });
    if (without === 'open') return { kind: 'open', start };
    if (without !== undefined) return { kind: 'no tag', start, isCallEnd: without === 'call' };
  }
  return { kind: 'none', start: held.length };
}

/** The length of `tag` at the start of `behind`, with the `repeated` tags and the white space that follow it. */
function lengthOfRepeated(
  behind: string,
  { tag, repeated }: { readonly tag: string; readonly repeated: readonly string[] },
): number {
  for (let length = tag.length; ;) {
    const next = behind.slice(length).trimStart();
    const again = repeated.find((one) => next.startsWith(one));
    if (again === undefined) return length;
    length = behind.length - next.length + again.length;
  }
}

/** Whether `behind` starts another parameter or ends the call. */
function endWithoutTag(
  behind: string,
  { tags, others }: ValueForm,
): 'call' | 'parameter' | 'open' | undefined {
  if (tags.callEnds.some((end) => behind.startsWith(end))) return 'call';
  if (tags.callEnds.some((end) => end.startsWith(behind))) return 'open';
  if (tags.parameterOpen.startsWith(behind)) return 'open';
  if (!behind.startsWith(tags.parameterOpen) || behind.length > MAX_HEAD_CHARS) return undefined;
  const key = tags.parameter.exec(behind)?.[1]?.trim();
  if (key !== undefined) return others.has(key) ? 'parameter' : undefined;
  return 'open';
}

interface Close {
  readonly start: number;
  readonly end: number;
}

/**
 * Looks for the closing tag of the value after a position where the value may end without one. The text read stays
 * held.
 *
 * Undefined: there is no closing tag, or it belongs to a parameter that starts at that position.
 */
function* closeAfter(
  text: AnswerText,
  { tags, isCallEnd }: { readonly tags: ValueTags; readonly isCallEnd: boolean },
): Script<Close | undefined> {
  for (;;) {
    if (isCallEnd && tags.callOpens.some((open) => text.endsWith(open))) return undefined;
    const close = closeAtEnd(text, tags);
    if (close !== undefined) {
      const inside = text.held.slice(0, close.start);
      const opened = count(inside, [tags.parameterOpen]);
      // The tags close the parameters that start after the value; none is left for the value.
      return !isCallEnd && count(inside, tags.ends) < opened ? undefined : close;
    }
    if (yield* text.more()) continue;
    const { held } = text;
    const end = tags.ends.find((tag) => held.trimEnd().endsWith(tag));
    if (end === undefined || !isCallEnd) return undefined;
    const start = held.lastIndexOf(end);
    return { start: start - breakLengthBefore(held, start, tags), end: held.length };
  }
}

/** A closing tag and its follower at the end of the held text. Such a tag certainly ends a value. */
function closeAtEnd(text: AnswerText, tags: ValueTags): Close | undefined {
  const follower = tags.followers.find((one) => text.endsWith(one));
  if (follower === undefined) return undefined;
  const { held } = text;
  const before = held.slice(0, -follower.length).trimEnd();
  const tag = tags.ends.find((one) => before.endsWith(one));
  if (tag === undefined) return undefined;
  const start = before.length - tag.length;
  return { start: start - breakLengthBefore(held, start, tags), end: before.length };
}

const breakLengthBefore = (held: string, at: number, { lineBreak }: ValueTags): number =>
  lineBreak !== '' && held[at - 1] === lineBreak ? 1 : 0;

const count = (text: string, parts: readonly string[]): number =>
  parts.reduce((sum, part) => sum + text.split(part).length - 1, 0);

/** The held text when the answer ends within one of `tags`: neither content nor arguments. */
export const isCutShort = (held: string, tags: readonly string[]): boolean =>
  tags.some((tag) => tag.startsWith(held.trim()));
