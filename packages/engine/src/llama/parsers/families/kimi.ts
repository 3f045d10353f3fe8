import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { type CallSections, readSections } from './section-script.ts';
import type { ToolFamily } from './tool-family.ts';

const ARGUMENTS = '<|tool_call_argument_begin|>';

const FORM: CallSections = {
  begin: '<|tool_calls_section_begin|>',
  end: '<|tool_calls_section_end|>',
  callBegin: '<|tool_call_begin|>',
  callEnd: '<|tool_call_end|>',
  // The id of a call by the model: contains the name and a counter.
  head: /^\s*(?:functions\.)?([\w./-]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>$/,
  headStart: /^\s*[\w./:-]*\s*(?:<[\w|]*(?:>\s*)?)?$/,
};

/** Kimi K2: `<|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`, within a section. */
export const KIMI: ToolFamily = {
  name: 'kimi',
  isFamilyOf: (template) => template.includes(ARGUMENTS),
  markers: [FORM.begin, FORM.end, FORM.callBegin, FORM.callEnd, ARGUMENTS],
  closers: [FORM.callEnd, FORM.end],
  readAnswer: () => (text) => readSections(text, FORM),
  callsRule(rules, { tools, isSingle }) {
    const args = tools.map((tool) => ({
      head: literal(`${FORM.callBegin}functions.${tool.name}:`),
      rule: sequence(
        literal(ARGUMENTS),
        jsonSchemaRule(rules, tool.parameters),
        literal(FORM.callEnd),
      ),
    }));
    const anyCall = (count: string): string =>
      rules.add('any-call', args.map(({ head, rule }) => sequence(head, count, rule)).join(' | '));
    const more = isSingle ? '' : `${anyCall('[1-9] [0-9]?')}*`;
    return sequence(literal(FORM.begin), anyCall('"0"'), more, literal(FORM.end));
  },
};
