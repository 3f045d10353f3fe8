import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { readMistral } from './mistral-script.ts';
import type { ToolFamily } from './tool-family.ts';

const CALLS = '[TOOL_CALLS]';
const ARGS = '[ARGS]';

/** Mistral since Small 3.2, Devstral, Magistral: `[TOOL_CALLS]name[ARGS]{…}`, repeated. */
export const MISTRAL: ToolFamily = {
  name: 'mistral',
  isFamilyOf: (template) => template.includes(CALLS) && template.includes(ARGS),
  markers: [CALLS, ARGS, '[CALL_ID]'],
  readAnswer: () => readMistral,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const head = literal(`${CALLS}${tool.name}${ARGS}`);
      return rules.add('call', sequence(head, jsonSchemaRule(rules, tool.parameters)));
    });
    const call = rules.add('any-call', calls.join(' | '));
    return sequence(call, isSingle ? '' : `${call}*`);
  },
};

/** Mistral up to Nemo and Small 3.1: `[TOOL_CALLS][{"name": …, "arguments": {…}}, …]`. */
export const MISTRAL_LIST: ToolFamily = {
  name: 'mistral-list',
  isFamilyOf: (template) => template.includes(CALLS),
  markers: [CALLS],
  readAnswer: () => readMistral,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const head = literal(`{"name": ${JSON.stringify(tool.name)}, "arguments": `);
      return rules.add('call', sequence(head, jsonSchemaRule(rules, tool.parameters), '"}"'));
    });
    const call = rules.add('any-call', calls.join(' | '));
    const more = isSingle ? '' : `( ", " ${call} )*`;
    return sequence(literal(`${CALLS}[`), call, more, '"]"');
  },
};
