import { describe, expect, test } from 'bun:test';

import { chooseParser } from '../parsers/choose-parser.ts';
import { HERMES } from '../parsers/families/hermes.ts';
import { TokenDecoder, TokenTexts } from '../request/token-text.ts';
import { Answer } from './answer.ts';

/** A token for each character. */
const TEXTS = new TokenTexts(
  {
    bytesOf: (token) => new TextEncoder().encode(String.fromCodePoint(token)),
    isControl: () => false,
    hidesFirstSpace: false,
  },
  new Set(),
);

const CALL = '<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>\n';

/** Complete but for its end marker: the parser knows it for a call only when the answer has ended. */
const UNCLOSED = '<tool_call>\n{"arguments": {"b": 1}, "name": "get"}';

/** What the consumer gets of an answer that may make one call, and how it ended. */
function readAnswer(text: string, options: { stop?: string[]; maxTokens?: number } = {}) {
  const parser = chooseParser(
    { reasoning: undefined, tools: HERMES, markers: [] },
    {
      reasoning: 'closed',
      tools: [{ name: 'get', parameters: {} }],
      isContinued: false,
      newCallId: () => 'id',
    },
  );
  const { stop = [], maxTokens = 9999 } = options;
  const decoder = new TokenDecoder(TEXTS, { startsText: true });
  const answer = new Answer({ index: 0, decoder, stop, parser, maxTokens, maxToolCalls: 1 });
  const items = Array.from(text).flatMap((character) =>
    answer.finish === undefined ? answer.push(character.codePointAt(0) ?? 0) : [],
  );
  if (answer.finish === undefined) items.push(...answer.end('stop'));
  return { calls: items.flatMap(({ tool }) => (tool === undefined ? [] : [tool.index])), answer };
}

describe('with one call a turn', () => {
  test('the head of a second call ends the answer', () => {
    const { calls, answer } = readAnswer(`${CALL}${CALL}and more`);

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
    expect(answer.tokens.length).toBeLessThan(2 * CALL.length);
  });

  test('a second call that shows only at the end of the answer is not handed out', () => {
    const { calls, answer } = readAnswer(CALL + UNCLOSED);

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
  });

  test('nor is one that shows at a stop string', () => {
    const { calls, answer } = readAnswer(`${CALL}${UNCLOSED}STOP`, { stop: ['STOP'] });

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls', matchedStop: 'STOP' });
  });

  test('nor one that shows at the last token it may have', () => {
    const text = CALL + UNCLOSED;
    const { calls, answer } = readAnswer(`${text}rest`, { maxTokens: text.length });

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
  });
});
