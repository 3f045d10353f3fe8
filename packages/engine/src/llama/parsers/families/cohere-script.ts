import type { AnswerScript, AnswerText, Script } from '../answer-text.ts';
import { readReasoning, type Reasoning } from '../reasoning-script.ts';
import { contentUntil } from '../script-steps.ts';
import { readKeyedCall } from './keyed-call.ts';
import { type CallList, readList } from './list-script.ts';
import type { ReasoningState } from './tool-family.ts';

export const THINKING = { open: '<|START_THINKING|>', close: '<|END_THINKING|>' } as const;
export const ACTION = { open: '<|START_ACTION|>', close: '<|END_ACTION|>' } as const;
/** Markers around content, and at the end of reasoning that was not opened. They are not content. */
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

/** An answer in blocks: reasoning, then calls as a JSON list, or content. Blocks may lack their markers. */
export function* readCohere(
  text: AnswerText,
  { hasTools, reasoning }: CohereRequest,
): Script<void> {
  const calls: AnswerScript | undefined = hasTools
    ? (inner) => readCohere(inner, { hasTools, reasoning: 'closed' })
    : undefined;
  const reasoned: Reasoning = { close: THINKING.close, calls };
  if (reasoning === 'inside') yield* readReasoning(text, reasoned);
  const marks = [THINKING.open, ...FRAMES, ...(hasTools ? [ACTION.open] : [])];
  for (;;) {
    const found = yield* contentUntil(text, marks);
    if (found === undefined) return;
    if (found.marker === THINKING.open) yield* readReasoning(text, reasoned);
    if (found.marker !== ACTION.open || (yield* readList(text, LIST))) continue;
    text.content(found.space + found.marker);
    text.reread();
  }
}
