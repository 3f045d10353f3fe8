import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { xmlCallsRule, type XmlForm } from '../../../grammar/xml-calls.ts';
import { type InvokeForm, readInvokes } from './invoke-script.ts';
import type { ToolFamily } from './tool-family.ts';

const OPEN = '<minimax:tool_call>';
const CLOSE = '</minimax:tool_call>';

const FORM: InvokeForm = {
  section: { open: OPEN, close: CLOSE },
  invoke: '<invoke name="',
  endInvoke: '</invoke>',
  parameter: '<parameter name="',
  endParameter: '</parameter>',
};

const CALLS: XmlForm = {
  begin: (name) => `${FORM.invoke}${name}">\n`,
  end: FORM.endInvoke,
  beginParameter: (key) => `${FORM.parameter}${key}">`,
  endParameter: FORM.endParameter,
  lineBreak: '',
};

/** MiniMax M2: `<minimax:tool_call>`, calls as `<invoke name="…"><parameter name="…">value</parameter></invoke>`. */
export const MINIMAX: ToolFamily = {
  name: 'minimax',
  isFamilyOf: (template) => template.includes(OPEN),
  markers: [OPEN, CLOSE],
  closers: [FORM.endInvoke, CLOSE],
  readAnswer:
    ({ tools }) =>
    (text) =>
      readInvokes(text, { form: FORM, tools }),
  callsRule: (rules, request) =>
    sequence(
      literal(`${OPEN}\n`),
      xmlCallsRule(rules, { ...request, form: CALLS }),
      literal(`\n${CLOSE}`),
    ),
};
