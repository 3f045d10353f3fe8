import type { AnswerText, Script } from '../answer-text.ts';
import { lengthBeforeSpace, partialMarker } from '../output-parser.ts';
import { contentUntil } from '../script-steps.ts';
import { readKeyedCall } from './keyed-call.ts';
import { type CallList, readList } from './list-script.ts';
import type { ReasoningState } from './tool-family.ts';

export const THINKING = { open: '<|START_THINKING|>', close: '<|END_THINKING|>' } as const;
export const ACTION = { open: '<|START_ACTION|>', close: '<|END_ACTION|>' } as const;
/** Stand around content, and at the end of a thought that was not begun: frames, no content. */
export const FRAMES: readonly string[] = [
  '<|START_RESPONSE|>',
  '<|END_RESPONSE|>',
  '<|START_TEXT|>',
  '<|END_TEXT|>',
  THINKING.close,
];

const MEMBERS = { name: 'tool_name', arguments: 'parameters', others: ['tool_call_id'] };

const LIST: CallList = {
  opens: [ACTION.open],
  closes: [ACTION.close],
  readCall: (text) => readKeyedCall(text, MEMBERS),
};

export interface CohereRequest {
  readonly hasTools: boolean;
  readonly reasoning: ReasoningState;
}

/** An answer in blocks: a thought, then calls as a list in JSON, or content. Blocks may lack their markers. */
export function* readCohere(
  text: AnswerText,
  { hasTools, reasoning }: CohereRequest,
): Script<void> {
  if (reasoning === 'inside') yield* readThought(text);
  const marks = [THINKING.open, ...FRAMES, ...(hasTools ? [ACTION.open] : [])];
  for (;;) {
    const found = yield* contentUntil(text, marks);
    if (found === undefined) return;
    if (found.marker === THINKING.open) yield* readThought(text);
    if (found.marker !== ACTION.open || (yield* readList(text, LIST))) continue;
    text.content(found.space + found.marker);
    text.reread();
  }
}

/** Behind the marker that opens it, to the one that closes it and the white space behind that. */
function* readThought(text: AnswerText): Script<void> {
  text.isReasoning = true;
  while ((yield* text.more()) && text.held === '\n') text.take();
  for (;;) {
    if (text.held.endsWith(THINKING.close)) {
      text.reasoning(text.held.slice(0, -THINKING.close.length).trimEnd());
      break;
    }
    const open = text.held.slice(0, text.held.length - partialMarker(text.held, THINKING.close));
    text.reasoning(text.take(lengthBeforeSpace(open)));
    if (yield* text.more()) continue;
    text.reasoning(text.held.trimEnd());
    break;
  }
  text.take();
  text.isReasoning = false;
  while ((yield* text.more()) && text.held.trim() === '') text.take();
  text.reread();
}
