import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { readMarkedCall } from '../json-calls.ts';
import { callsAfter } from '../script-steps.ts';
import { type CallList, readList } from './list-script.ts';
import type { ToolFamily } from './tool-family.ts';
import { readWrappedFunction, type XmlMarkers } from './xml-script.ts';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';
/** Some models write a call in XML between the markers. */
const XML: XmlMarkers = { open: OPEN, close: CLOSE, lineBreak: '\n' };

/** Hermes, Qwen2.5, Qwen3 and many more: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`. */
export const HERMES: ToolFamily = {
  name: 'hermes',
  // A template may end one string and start another between the marker and the brace.
  isFamilyOf: (template) => /<tool_call>(?:\\n|[\s"'{}-])*\{\\?"name\\?"/.test(template),
  markers: [OPEN, CLOSE],
  closers: [CLOSE],
  readAnswer:
    ({ tools }) =>
    (text) =>
      callsAfter(text, [OPEN], function* (before) {
        if (yield* readList(text, LIST)) return true;
        return yield* readWrappedFunction(text, { markers: XML, tools, before });
      }),
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const head = literal(`${OPEN}\n{"name": ${JSON.stringify(tool.name)}, "arguments": `);
      const args = jsonSchemaRule(rules, tool.parameters);
      return rules.add('call', sequence(head, args, literal(`}\n${CLOSE}`)));
    });
    const call = rules.add('any-call', calls.join(' | '));
    return sequence(call, isSingle ? '' : `( "\\n" ${call} )*`);
  },
};

/** Usually one call between two markers. Some models write several, in a list or consecutively. */
const LIST: CallList = {
  opens: [OPEN],
  closes: [CLOSE],
  *readCall(text) {
    if (!(yield* readMarkedCall(text))) return false;
    // Some models write an extra brace.
    do text.take();
    while ((yield* text.more()) && /^[\s}]$/.test(text.held));
    text.reread();
    return true;
  },
};
