import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { type AnswerScript, type AnswerText, type Script } from '../answer-text.ts';
import { readMarkedCall } from '../json-calls.ts';
import { callsBehind, isTooLong, readOneOf } from '../script-steps.ts';
import type { ToolFamily } from './tool-family.ts';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';

/** Hermes, Qwen2.5, Qwen3 and many more: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`. */
export const HERMES: ToolFamily = {
  name: 'hermes',
  // Between the marker and the brace a template may end one text and begin another.
  isFamilyOf: (template) => /<tool_call>(?:\\n|[\s"'{}-])*\{\\?"name\\?"/.test(template),
  markers: [OPEN, CLOSE],
  readAnswer: () => readHermes,
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

/** Calls in JSON behind a marker; the marker that closes one may be forgotten. */
const readHermes: AnswerScript = (text) =>
  callsBehind(text, [OPEN], function* () {
    while ((yield* text.more()) && !isTooLong(text) && text.held.trim() === '');
    if (!text.held.endsWith('{') || !(yield* readMarkedCall(text))) return false;
    yield* skipClose(text);
    return true;
  });

/** Behind the arguments: spare braces are noise, anything else means that the closing marker was forgotten. */
function* skipClose(text: AnswerText): Script<void> {
  do text.take();
  while ((yield* text.more()) && /^[\s}]$/.test(text.held));
  if ((yield* readOneOf(text, [CLOSE])) !== undefined) text.take();
  else if (!CLOSE.startsWith(text.held)) text.reread();
  else text.take();
}
