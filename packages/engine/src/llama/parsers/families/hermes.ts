import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { type AnswerScript, type AnswerText, type Script } from '../answer-text.ts';
import { contentUntil, nameOfHead, readCall, readOneOf, streamObject } from '../script-steps.ts';
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

const readHermes: AnswerScript = function* (text) {
  for (;;) {
    const found = yield* contentUntil(text, [OPEN]);
    if (found === undefined) return;
    yield* readOneCall(text, found.space + OPEN);
  }
};

/** @param before - what goes out as content, with the call's own text, when it cannot be read. */
function* readOneCall(text: AnswerText, before: string): Script<void> {
  for (;;) {
    const name = nameOfHead(text.held);
    if (name !== undefined) {
      text.beginCall(name);
      text.take(text.held.length - 1);
      if (yield* streamObject(text)) yield* skipClose(text);
      return;
    }
    const isEnded = !(yield* text.more());
    const { held } = text;
    if (held.endsWith(OPEN)) {
      text.content(before + text.take(held.length - OPEN.length));
      text.reread();
      return;
    }
    if (!isEnded && !held.endsWith(CLOSE)) continue;
    const call = readCall(held.endsWith(CLOSE) ? held.slice(0, -CLOSE.length) : held);
    text.take();
    if (call === undefined) text.content(before + held);
    else text.beginCall(call.name, call.arguments);
    return;
  }
}

/** Behind the arguments: spare braces are noise, anything else means that the closing marker was forgotten. */
function* skipClose(text: AnswerText): Script<void> {
  do text.take();
  while ((yield* text.more()) && /^[\s}]$/.test(text.held));
  if ((yield* readOneOf(text, [CLOSE])) !== undefined) text.take();
  else if (!CLOSE.startsWith(text.held)) text.reread();
  else text.take();
}
