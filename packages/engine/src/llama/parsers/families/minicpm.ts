import { xmlCallsRule, type XmlForm } from '../../../grammar/xml-calls.ts';
import { type InvokeForm, readInvokes } from './invoke-script.ts';
import type { ToolFamily } from './tool-family.ts';

const FORM: InvokeForm = {
  section: undefined,
  invoke: '<function name="',
  endInvoke: '</function>',
  parameter: '<param name="',
  endParameter: '</param>',
  quotes: { open: '<![CDATA[', close: ']]>' },
};

const CALLS: XmlForm = {
  begin: (name) => `${FORM.invoke}${name}">`,
  end: FORM.endInvoke,
  beginParameter: (key) => `${FORM.parameter}${key}">`,
  endParameter: FORM.endParameter,
  lineBreak: '',
  isOneLine: true,
};

/** MiniCPM5: `<function name="…"><param name="…">value</param></function>`; strings with tags as CDATA. */
export const MINICPM: ToolFamily = {
  name: 'minicpm',
  isFamilyOf: (template) =>
    template.includes('<function name="') && template.includes('<param name="'),
  markers: ['<function', '</function>', '<param', '</param>', '<![CDATA[', ']]>'],
  closers: ['</function>'],
  readAnswer:
    ({ tools }) =>
    (text) =>
      readInvokes(text, { form: FORM, tools }),
  callsRule: (rules, request) => xmlCallsRule(rules, { ...request, form: CALLS }),
};
