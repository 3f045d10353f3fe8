import { xmlCallsRule, type XmlMarkers } from '../../../grammar/xml-calls.ts';
import { ScriptedParser } from '../answer-text.ts';
import type { ToolFamily } from './tool-family.ts';
import { readXmlCalls } from './xml-script.ts';

const QWEN: XmlMarkers = { open: '<tool_call>', close: '</tool_call>', lineBreak: '\n' };
const SEED: XmlMarkers = { open: '<seed:tool_call>', close: '</seed:tool_call>', lineBreak: '' };

/** Qwen3-Coder, Qwen3.5, Nemotron 3 Nano, Step 3.5: `<tool_call><function=…><parameter=…>` with line breaks. */
export const QWEN_XML: ToolFamily = xmlFamily('qwen3-coder', QWEN);

/** Seed-OSS: the same with its own outer marker, and values without line breaks around them. */
export const SEED_XML: ToolFamily = xmlFamily('seed', SEED);

function xmlFamily(name: string, markers: XmlMarkers): ToolFamily {
  return {
    name,
    isFamilyOf: (template) =>
      template.includes('<parameter=') &&
      template.includes('<function=') &&
      template.includes(markers.open),
    markers: [markers.open, markers.close, '<function=', '</function>', '</parameter>'],
    createParser: ({ tools, newCallId }) =>
      new ScriptedParser((text) => readXmlCalls(text, { markers, tools }), newCallId),
    callsRule: (rules, request) => xmlCallsRule(rules, { ...request, markers }),
  };
}
