import { type AnswerScript, AnswerText, type Script } from './answer-text.ts';
import { lengthBeforeSpace, MAX_SPACE_CHARS, partialMarker } from './output-parser.ts';
import type { ReasoningMarkers } from './reasoning-markers.ts';
import { readOneOf } from './script-steps.ts';
import { LaterMarkers } from './later-markers.ts';

export interface ReasonedAnswer {
  readonly markers: ReasoningMarkers;
  /** The prompt ends with an opening marker, so the answer starts in reasoning. */
  readonly startsInside: boolean;
  /** Parses everything outside the reasoning. */
  readonly answer: AnswerScript;
  readonly hasTools: boolean;
}

/**
 * Separates `<think>…</think>` at the start of an answer; `answer` parses the rest. Later reasoning is read by
 * `contentUntil`.
 *
 * The line breaks that models put around the markers belong to the markers.
 */
export function* readReasoned(
  text: AnswerText,
  { markers, startsInside, answer, hasTools }: ReasonedAnswer,
): Script<void> {
  const start = startsInside ? markers.open : yield* readStart(text, markers);
  const calls = hasTools ? answer : undefined;
  if (start === markers.open) yield* readReasoning(text, { close: markers.close, calls });
  if (start === markers.close) yield* skipClosing(text, markers.close);
  text.later = {
    markers: new LaterMarkers(markers),
    read: (later) => readReasoning(later, { close: markers.close, calls }),
  };
  yield* answer(text);
}

/** Takes the marker at the start of the answer. Undefined: there is none, and all text stays unread. */
function* readStart(
  text: AnswerText,
  { open, close }: ReasoningMarkers,
): Script<string | undefined> {
  while (yield* text.more()) {
    const begin = text.held.trimStart();
    if (text.held.length - begin.length > MAX_SPACE_CHARS) break;
    // Models with thinking switched off may close reasoning that they did not open.
    if (begin === open || begin === close) {
      text.take();
      return begin;
    }
    if (!open.startsWith(begin) && !close.startsWith(begin)) break;
  }
  text.reread();
  return undefined;
}

export interface Reasoning {
  readonly close: string;
  /** Parses the calls of an answer; undefined if calls are impossible. */
  readonly calls: AnswerScript | undefined;
}

/**
 * Reads reasoning, from after its opening marker to the white space after its closing marker.
 *
 * Some models write a call without closing their reasoning first. Text that reads as a call is held until the answer
 * shows what it is: reasoning if the closing marker and more text follow, a call if the answer ends before that.
 */
export function* readReasoning(text: AnswerText, { close, calls }: Reasoning): Script<void> {
  const watch = calls === undefined ? undefined : new CallWatch(calls, text);
  text.isReasoning = true;
  do text.take();
  while ((yield* text.more()) && text.held === '\n');
  let taken = 0;
  for (let fed = 0, hasMore = text.held !== ''; hasMore; hasMore = yield* text.more()) {
    watch?.read(text.heldFrom(fed));
    fed += text.heldFrom(fed).length;
    if (text.endsWith(close)) {
      const length = text.held.length - close.length;
      if (watch?.hasCall === true && !(yield* goesOn(text))) break;
      text.reasoning(text.held.slice(0, lengthBeforeSpace(text.held.slice(0, length))));
      text.reread(length);
      text.isReasoning = false;
      yield* skipClosing(text, close);
      return;
    }
    // The call and all text after it stay held.
    if (watch?.hasCall === true && watch.settled === taken) continue;
    const open = text.held.length - partialMarker(text.held, close);
    const settled = lengthBeforeSpace(text.held.slice(0, open));
    const length = Math.min(settled, (watch?.settled ?? Infinity) - taken);
    text.reasoning(text.take(length));
    taken += length;
    fed -= length;
  }
  const thought = text.take(watch?.hasCall === true ? watch.settled - taken : text.held.length);
  text.reasoning(thought.slice(0, lengthBeforeSpace(thought)));
  text.isReasoning = false;
  text.reread();
}

/** Continues reading. False: only white space follows. */
function* goesOn(text: AnswerText): Script<boolean> {
  const start = text.held.length;
  while (yield* text.more()) if (text.heldFrom(start).trim() !== '') return true;
  return false;
}

/** Takes the closing marker, its repetitions, and the white space after them. */
function* skipClosing(text: AnswerText, close: string): Script<void> {
  do {
    do text.take();
    while ((yield* text.more()) && text.held.trim() === '');
  } while ((yield* readOneOf(text, [close])) !== undefined);
  text.reread();
}

/** Reads the reasoning as if it were an answer, to find a call in it. */
class CallWatch {
  readonly #text: AnswerText;
  readonly #run: Script<void>;
  /** Length of the text that is certainly before the first call. */
  settled = 0;
  hasCall = false;

  constructor(answer: AnswerScript, { syntax }: AnswerText) {
    this.#text = new AnswerText({ ...syntax, newCallId: () => '' });
    this.#run = answer(this.#text);
  }

  read(text: string): void {
    this.#text.feed(text);
    this.#run.next();
    for (const delta of this.#text.takeDeltas()) {
      this.hasCall ||= 'tool' in delta;
      if (!this.hasCall && 'text' in delta) this.settled = delta.at + delta.text.length;
    }
  }
}
