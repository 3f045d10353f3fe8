import type { AnswerText, Script } from '../answer-text.ts';
import { readArguments } from '../named-arguments.ts';
import { contentUntil, isTooLong, readOneOf, skipBrackets } from '../script-steps.ts';

export interface DeepSeekMarkers {
  readonly callsBegin: string;
  readonly callsEnd: string;
  readonly callBegin: string;
  readonly callEnd: string;
  readonly sep: string;
}

/** The markers with one kind of bar and one kind of gap. */
export function spelled(bar: string, gap: string): DeepSeekMarkers {
  const marker = (...words: readonly string[]): string => `<${bar}${words.join(gap)}${bar}>`;
  return {
    callsBegin: marker('tool', 'calls', 'begin'),
    callsEnd: marker('tool', 'calls', 'end'),
    callBegin: marker('tool', 'call', 'begin'),
    callEnd: marker('tool', 'call', 'end'),
    sep: marker('tool', 'sep'),
  };
}

/** The spelling of the vocabulary, and the spellings of models that write the marker as text. */
const all = [
  spelled('｜', '▁'),
  spelled('｜', '_'),
  spelled('｜', ' '),
  spelled('|', '▁'),
  spelled('|', '_'),
];

/** Every spelling of each marker. */
export const SPELLINGS = {
  callsBegin: all.map((markers) => markers.callsBegin),
  callsEnd: all.map((markers) => markers.callsEnd),
  callBegin: all.map((markers) => markers.callBegin),
  callEnd: all.map((markers) => markers.callEnd),
  sep: all.map((markers) => markers.sep),
} as const;

/** Markers that may follow a call. */
const ENDS = [...SPELLINGS.callEnd, ...SPELLINGS.callBegin, ...SPELLINGS.callsEnd];

/** Before the separator: the name, or in R1 the word `function`. */
const LABEL_START = /^\s*[\w./:-]*\s*(?:<[^>]*>?)?$/;
/** After the separator: in R1 the name and a fence, then the first character of the arguments, of `null`, or of the next marker. */
const FENCED = /^\s*([\w./:-]*)\s*(?:(?:```(?:json)?\s*)?[{"<]|```(?:json)?\s*[n`])$/;
const FENCED_START = /^\s*[\w./:-]*\s*(?:`{0,3}|```[json]*)\s*$/;

/** `<｜tool▁calls▁begin｜>`, calls of either form, `<｜tool▁calls▁end｜>`. */
export function* readDeepSeek(text: AnswerText): Script<void> {
  for (;;) {
    const begins = [...SPELLINGS.callsBegin, ...SPELLINGS.callBegin];
    const found = yield* contentUntil(text, begins);
    if (found === undefined) return;
    let before = found.space + found.marker;
    if (SPELLINGS.callsBegin.includes(found.marker)) {
      if ((yield* readOneOf(text, SPELLINGS.callBegin)) === undefined) {
        text.content(before);
        text.reread();
        continue;
      }
      before += text.take();
    }
    yield* readCalls(text, before);
  }
}

/**
 * Consecutive calls, from after the first marker.
 *
 * @param before - Emitted as content if the first call cannot be parsed.
 */
function* readCalls(text: AnswerText, before: string): Script<void> {
  for (let lost = before; ;) {
    const read = yield* readCall(text);
    if (read === 'none') {
      text.content(lost);
      text.reread();
      return;
    }
    if (read === 'cut') return;
    yield* skipBrackets(text, ['```', ...ENDS]);
    yield* skipOne(text, ['```']);
    yield* skipOne(text, SPELLINGS.callEnd);
    const next = yield* readOneOf(text, [...SPELLINGS.callBegin, ...SPELLINGS.callsEnd]);
    if (next === undefined) {
      text.reread();
      return;
    }
    lost = text.take();
    if (SPELLINGS.callsEnd.includes(next)) return;
  }
}

/** Reads one call, from its label to the end of its arguments. `none`: it cannot be parsed, and all of it is held. */
function* readCall(text: AnswerText): Script<'whole' | 'cut' | 'none'> {
  let sep: string | undefined;
  while (sep === undefined) {
    if (!(yield* text.more()) || isTooLong(text) || !LABEL_START.test(text.held)) return 'none';
    sep = SPELLINGS.sep.find((marker) => text.held.endsWith(marker));
  }
  const label = text.held.slice(0, -sep.length).trim();
  const start = text.held.length;
  while (yield* text.more()) {
    const behind = text.held.slice(start);
    const fenced = FENCED.exec(behind);
    // `null` in place of the arguments is not a name.
    const inside = fenced?.[1] === 'null' ? '' : fenced?.[1];
    const name = inside === undefined ? '' : inside || label;
    if (name !== '')
      return yield* readArguments(text, { name, at: text.held.length - 1, ends: [...ENDS, '```'] });
    if (isTooLong(text) || !FENCED_START.test(behind)) return 'none';
  }
  const name = nameBeforeEnd(text, { label, behind: text.held.slice(start) });
  if (name === undefined) return 'none';
  return yield* readArguments(text, { name, at: text.held.length, ends: [] });
}

/** The name in a call of which the answer ends before the arguments; undefined if it is not certain. */
function nameBeforeEnd(
  text: AnswerText,
  { label, behind }: { readonly label: string; readonly behind: string },
): string | undefined {
  const [head = '', inside = ''] = /^\s*([\w./:-]*)/.exec(behind) ?? [];
  if (inside === '') return label === '' || label === 'function' ? undefined : label;
  const isWhole = behind.length > head.length;
  return isWhole || (!text.isCutOff && text.toolNamed(inside) !== undefined) ? inside : undefined;
}

function* skipOne(text: AnswerText, markers: readonly string[]): Script<void> {
  const marker = yield* readOneOf(text, markers);
  if (marker !== undefined || markers.some((one) => one.startsWith(text.held.trim()))) text.take();
  else text.reread();
}
