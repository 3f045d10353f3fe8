import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { textUntil } from '../../../grammar/text-until.ts';
import { readHarmony } from './harmony-script.ts';
import type { AnswerChannels, ToolFamily } from './tool-family.ts';

const ANALYSIS = '<|channel|>analysis<|message|>';
const END = '<|end|>';
const START = '<|start|>assistant';
/** Texts that would end reasoning in the parser as well. */
const BREAKS = ['<|start|>', '<|channel|>', '<|call|>', '<|return|>'];

const channels: AnswerChannels = {
  reasoning: { open: ANALYSIS, close: END },
  callMarkers: [],
  frame(rules, { kind, rule, reasoning }) {
    const thought = sequence(textUntil(rules, END, { without: BREAKS }), literal(START));
    const before = {
      inside: thought,
      possible: `( ${sequence(literal(ANALYSIS), thought)} )?`,
      closed: '',
    }[reasoning];
    if (kind === 'document') {
      const head = sequence('"<|channel|>final"', '" <|constrain|>json"?', '"<|message|>"');
      return reasoning === 'closed' ? rule : sequence(before, head, rule);
    }
    return sequence(reasoning === 'closed' ? literal(END + START) : before, rule);
  },
};

/** gpt-oss: messages in channels; a call is a message of the commentary channel to `functions.name`, one per turn. */
export const HARMONY: ToolFamily = {
  name: 'harmony',
  isFamilyOf: (template) => template.includes('<|channel|>') && template.includes('<|message|>'),
  markers: ['<|start|>', '<|channel|>', '<|constrain|>', '<|message|>', END],
  readAnswer: ({ tools, reasoning }) => {
    const names = new Set(tools.map((tool) => tool.name));
    return (text) => readHarmony(text, { names, reasoning });
  },
  callsRule(rules, { tools }) {
    const calls = tools.map((tool) => {
      const head = literal(
        `<|channel|>commentary to=functions.${tool.name} <|constrain|>json<|message|>`,
      );
      return rules.add('call', sequence(head, jsonSchemaRule(rules, tool.parameters)));
    });
    return rules.add('any-call', calls.join(' | '));
  },
  channels,
};
