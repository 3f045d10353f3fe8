import { xmlCallsRule, type XmlForm } from '../../../grammar/xml-calls.ts';
import { readGlm } from './glm-script.ts';
import type { ToolFamily } from './tool-family.ts';

const FORM: XmlForm = {
  begin: (tool) => `<tool_call>${tool}\n`,
  end: '</tool_call>',
  beginParameter: (key) => `<arg_key>${key}</arg_key>\n<arg_value>`,
  endParameter: '</arg_value>',
  lineBreak: '',
};

/** GLM 4.5 to 4.7, Ling 3, Laguna, Spark: `<tool_call>name<arg_key>…</arg_key><arg_value>…</arg_value></tool_call>`. */
export const GLM: ToolFamily = {
  name: 'glm',
  isFamilyOf: (template) =>
    ['<tool_call>', '<arg_key>', '<arg_value>'].every((marker) => template.includes(marker)),
  markers: [
    '<tool_call>',
    '</tool_call>',
    '<arg_key>',
    '</arg_key>',
    '<arg_value>',
    '</arg_value>',
  ],
  closers: ['</tool_call>'],
  readAnswer:
    ({ tools }) =>
    (text) =>
      readGlm(text, tools),
  callsRule: (rules, request) => xmlCallsRule(rules, { ...request, form: FORM }),
};
