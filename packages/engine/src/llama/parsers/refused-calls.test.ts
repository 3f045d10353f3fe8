import { expect, test } from 'bun:test';

import { readAll } from '../../../test/parsed-answer.ts';
import { chooseParser, readOutputFormat } from './choose-parser.ts';

const FORMAT = readOutputFormat('… <tool_call>\n{"name": …');

const call = (name: string) =>
  `<tool_call>\n{"name": "${name}", "arguments": {"a": "}"}}\n</tool_call>`;

function read(pieces: readonly string[], end: 'finished' | 'cut' = 'finished') {
  const parser = chooseParser(FORMAT, {
    reasoning: 'closed',
    tools: [{ name: 'open', parameters: { type: 'object' } }],
    refusedTools: new Set(['delete']),
    isContinued: false,
    newCallId: () => 'id',
  });
  const { text, calls } = readAll(parser, pieces, end);
  return {
    text,
    calls: calls.map(({ name, arguments: args }) => name + args),
    toolCalls: parser.toolCalls,
    isCallCut: parser.isCallCut,
  };
}

const AS_TEXT = '{"name": "delete", "arguments": {"a": "}"}}';

test.each([
  ['the only call', `Well.${call('delete')}`, `Well.${AS_TEXT}`, []],
  ['two calls', call('delete') + call('delete'), AS_TEXT + AS_TEXT, []],
  ['a call before another', `${call('delete')}\n${call('open')}`, AS_TEXT, ['open{"a": "}"}']],
  ['a call after another', `${call('open')}\n${call('delete')}`, AS_TEXT, ['open{"a": "}"}']],
  ['a tool that was not offered', call('other'), '', ['other{"a": "}"}']],
])('%s of a tool that may not be called is text in every chunking', (_, answer, text, calls) => {
  const expected = { text, calls, toolCalls: calls.length, isCallCut: false };

  expect(read([answer])).toEqual(expected);
  expect(read(Array.from(answer))).toEqual(expected);
});

test('a call that is cut off is text as far as it was written, and no call is cut', () => {
  const answer = '<tool_call>\n{"name": "delete", "arguments": {"a": "b';

  expect(read([answer], 'cut')).toEqual({
    text: '{"name": "delete", "arguments": {"a": "b',
    calls: [],
    toolCalls: 0,
    isCallCut: false,
  });
});
