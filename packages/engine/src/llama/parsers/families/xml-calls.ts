import { xmlCallsRule, type XmlForm } from '../../../grammar/xml-calls.ts';
import type { ToolFamily } from './tool-family.ts';
import { readXmlCalls, type XmlMarkers } from './xml-script.ts';

/** Qwen3-Coder, Qwen3.5, Nemotron 3 Nano, Step 3.5: `<tool_call><function=…><parameter=…>` with line breaks. */
export const QWEN_XML: ToolFamily = xmlFamily('qwen3-coder', {
  open: '<tool_call>',
  close: '</tool_call>',
  lineBreak: '\n',
});

/** Seed-OSS: the same with another outer marker, and values without line breaks around them. */
export const SEED_XML: ToolFamily = xmlFamily('seed', {
  open: '<seed:tool_call>',
  close: '</seed:tool_call>',
  lineBreak: '',
});

function xmlFamily(name: string, markers: XmlMarkers): ToolFamily {
  const { open, close, lineBreak } = markers;
  const form: XmlForm = {
    begin: (tool) => `${open}\n<function=${tool}>\n`,
    end: `</function>\n${close}`,
    beginParameter: (key) => `<parameter=${key}>`,
    endParameter: '</parameter>',
    lineBreak,
  };
  return {
    name,
    isFamilyOf: (template) =>
      ['<parameter=', '<function=', open].every((marker) => template.includes(marker)),
    markers: [open, close, '<function=', '</function>', '</parameter>'],
    closers: ['</function>', close],
    readAnswer:
      ({ tools }) =>
      (text) =>
        readXmlCalls(text, { markers, tools }),
    callsRule: (rules, request) => xmlCallsRule(rules, { ...request, form }),
  };
}
