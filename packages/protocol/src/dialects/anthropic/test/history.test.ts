import { expect, test } from 'bun:test';

import { isJsonObject, type JsonObject } from '../../../json/json-object.ts';
import { toNodeCallId } from '../tool-ids.ts';
import { readMessagesRequest } from '../read-request.ts';
import { answerCases } from './golden-cases.ts';

const blocksOf = ({ content }: JsonObject): readonly JsonObject[] =>
  Array.isArray(content) ? content.filter(isJsonObject) : [];

const texts = (blocks: readonly JsonObject[], type: string, member: string): string =>
  blocks.flatMap((block) => (block['type'] === type ? [block[member]] : [])).join('\n');

const answers = answerCases.flatMap(({ name, case: one }) =>
  one.message === undefined || one.error !== undefined ? [] : [[name, one.message] as const],
);

test.each(answers)(
  'an answer of ours is accepted as history, with all that it said: %s',
  (_, message) => {
    const blocks = blocksOf(message);
    const calls = blocks.filter(({ type }) => type === 'tool_use');
    const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'x' }));

    const { chat } = readMessagesRequest({
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: blocks },
        { role: 'user', content: [...results, { type: 'text', text: 'Go on.' }] },
      ],
    });

    const ids = calls.map(({ id }) => toNodeCallId(String(id)));
    const reasoning = texts(blocks, 'thinking', 'thinking');
    expect(chat.turns[1]).toEqual({
      role: 'assistant',
      text: texts(blocks, 'text', 'text') || (calls.length > 0 ? null : ''),
      reasoning: reasoning === '' ? undefined : reasoning,
      calls: calls.map(({ name, input }, at) => ({
        id: ids[at] ?? '',
        name: String(name),
        arguments: JSON.stringify(input),
      })),
    });
    expect(chat.turns.slice(2, -1).map((turn) => 'callId' in turn && turn.callId)).toEqual(ids);
  },
);
