import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { readLlama } from './llama-script.ts';
import type { ToolFamily } from './tool-family.ts';

const readAnswer: ToolFamily['readAnswer'] =
  ({ tools, isContinued }) =>
  (text) =>
    readLlama(text, { tools, isContinued });

const MARKERS = ['<|python_tag|>', '<function=', '</function>'];

/** Llama 3.1 to 3.3: the whole answer is `{"name": …, "parameters": {…}}`. Its template takes one call per turn. */
export const LLAMA: ToolFamily = {
  name: 'llama',
  isFamilyOf: (template) =>
    /\{\\?"name\\?": function name, \\?"parameters\\?"/.test(template) ||
    template.includes('<|python_tag|>'),
  markers: MARKERS,
  readAnswer,
  callsRule(rules, { tools }) {
    const calls = tools.map((tool) => {
      const head = literal(`{"name": ${JSON.stringify(tool.name)}, "parameters": `);
      return rules.add('call', sequence(head, jsonSchemaRule(rules, tool.parameters), '"}"'));
    });
    return rules.add('any-call', calls.join(' | '));
  },
};

/** Functionary 3.1 and prompts that ask Llama for this form: `<function=name>{…}</function>`. */
export const LLAMA_TAGGED: ToolFamily = {
  name: 'llama-tagged',
  isFamilyOf: (template) =>
    template.includes('</function>') && /<function=[\w{}' +[\]"~.]*>\{/.test(template),
  markers: MARKERS,
  closers: ['</function>'],
  readAnswer,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const args = jsonSchemaRule(rules, tool.parameters);
      return rules.add('call', sequence(literal(`<function=${tool.name}>`), args, '"</function>"'));
    });
    const call = rules.add('any-call', calls.join(' | '));
    return sequence(call, isSingle ? '' : `${call}*`);
  },
};
