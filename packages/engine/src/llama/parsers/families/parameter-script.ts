import type { AnswerText, Script } from '../answer-text.ts';
import { MAX_HEAD_CHARS } from '../script-steps.ts';
import type { ParameterTypes } from './parameter-types.ts';

/** What ends a value, and what may stand behind that: the same tag within a value is text. */
export interface ValueTags {
  readonly ends: readonly string[];
  readonly followers: readonly string[];
  /** Belongs to the tags where it stands first or last. */
  readonly lineBreak: '\n' | '';
}

interface Parameter {
  readonly key: string;
  readonly isFirst: boolean;
  readonly types: Pick<ParameterTypes, 'isText' | 'read'>;
  readonly tags: ValueTags;
}

/** Hands out one parameter as a member of the arguments; its value comes next. False: the answer ends within it. */
export function* readParameter(
  text: AnswerText,
  { key, isFirst, types, tags }: Parameter,
): Script<boolean> {
  text.callArguments(`${isFirst ? '{' : ', '}${JSON.stringify(key)}: `);
  if (types.isText(key)) {
    text.callArguments('"');
    const isComplete = yield* readValue(text, tags, (piece) =>
      text.callArguments(JSON.stringify(piece).slice(1, -1)),
    );
    if (isComplete) text.callArguments('"');
    return isComplete;
  }
  let value = '';
  const isComplete = yield* readValue(text, tags, (piece) => {
    value += piece;
  });
  text.callArguments(isComplete ? types.read(key, value) : value);
  return isComplete;
}

/** Gives `settle` the text of a value as it comes, and takes the tag behind it. */
function* readValue(
  text: AnswerText,
  tags: ValueTags,
  settle: (piece: string) => void,
): Script<boolean> {
  let isBegun = false;
  while (yield* text.more()) {
    if (!isBegun && text.held === tags.lineBreak) text.take();
    isBegun = true;
    const end = endOfValue(text.held, tags);
    settle(text.take(end.start));
    if (end.tag === undefined) continue;
    text.reread(text.held.indexOf(end.tag) + end.tag.length);
    return true;
  }
  const last = text.take();
  const isComplete = tags.ends.some((end) => last.trimStart().startsWith(end));
  if (!isComplete) settle(last);
  return isComplete;
}

/** Where the end of the value begins, or may begin, in `held`; the tag where it is complete. */
function endOfValue(
  held: string,
  { ends, followers, lineBreak }: ValueTags,
): { readonly start: number; readonly tag?: string } {
  for (let start = 0; start < held.length; start++) {
    const isBreak = held[start] === lineBreak;
    const behind = held.slice(isBreak ? start + 1 : start);
    for (const tag of ends) {
      if (!behind.startsWith(tag)) {
        if (tag.startsWith(behind)) return { start };
        continue;
      }
      const next = behind.slice(tag.length).trimStart();
      if (behind.length > MAX_HEAD_CHARS) continue;
      if (followers.includes(next)) return { start, tag };
      if (followers.some((follower) => follower.startsWith(next))) return { start };
    }
  }
  return { start: held.length };
}

/** What is held when the answer ends within one of `tags`: neither content nor arguments. */
export const isCutShort = (held: string, tags: readonly string[]): boolean =>
  tags.some((tag) => tag.startsWith(held.trim()));
