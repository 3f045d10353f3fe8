import { type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { textUntil } from '../../../grammar/text-until.ts';
import { ACTION, FRAMES, readCohere, THINKING } from './cohere-script.ts';
import { callListRule, type ListForm } from './json-lists.ts';
import type { AnswerChannels, FramedAnswer, ToolFamily } from './tool-family.ts';

const FORM: ListForm = {
  begin: `${ACTION.open}[\n`,
  separator: ',\n',
  end: `\n]${ACTION.close}`,
  beginCall: (name) =>
    sequence(
      literal('    {"tool_call_id": "'),
      '[0-9] [0-9]?',
      literal(`", "tool_name": ${JSON.stringify(name)}, "parameters": `),
    ),
  endCall: '}',
};

/** Command R7B: reasoning, `<|START_ACTION|>[{"tool_call_id": …, "tool_name": …, "parameters": {…}}]<|END_ACTION|>`. */
export const COHERE: ToolFamily = cohereFamily('cohere', '<|START_RESPONSE|>');

/** Cohere 2 MoE: content is in a text block instead of a response block. */
export const COHERE_TEXT: ToolFamily = cohereFamily('cohere-text', '<|START_TEXT|>');

function cohereFamily(name: string, contentFrame: string): ToolFamily {
  const channels: AnswerChannels = {
    reasoning: THINKING,
    callMarkers: [ACTION.open, ACTION.close],
    frame(rules: GrammarRules, { kind, rule, reasoning }: FramedAnswer) {
      const thought = sequence(textUntil(rules, THINKING.close), '"\\n"*');
      const before = {
        inside: thought,
        possible: `( ${sequence(literal(THINKING.open), thought)} )?`,
        closed: '',
      }[reasoning];
      return sequence(before, kind === 'document' ? `${literal(contentFrame)}?` : '', rule);
    },
  };
  return {
    name,
    isFamilyOf: (template) => template.includes(ACTION.open) && template.includes(contentFrame),
    markers: [ACTION.open, ACTION.close, ...FRAMES],
    closers: [ACTION.close],
    readAnswer:
      ({ tools, reasoning }) =>
      (text) =>
        readCohere(text, { hasTools: tools.length > 0, reasoning }),
    callsRule: (rules, request) => callListRule(rules, { ...request, form: FORM }),
    channels,
  };
}
