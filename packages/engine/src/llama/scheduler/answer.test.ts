import { describe, expect, test } from 'bun:test';

import type { StepItem } from '../../engine/generate.ts';
import { chooseParser } from '../parsers/choose-parser.ts';
import { HERMES } from '../parsers/families/hermes.ts';
import { PlainParser } from '../parsers/output-parser.ts';
import { TokenDecoder, TokenTexts } from '../request/token-text.ts';
import { Answer } from './answer.ts';

/** One token per character. */
const TEXTS = new TokenTexts(
  {
    bytesOf: (token) => new TextEncoder().encode(String.fromCodePoint(token)),
    isControl: () => false,
    hidesFirstSpace: false,
  },
  new Set(),
);

const CALL = '<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>\n';

/** Complete except for its end marker: the parser detects the call only when the answer has ended. */
const UNCLOSED = '<tool_call>\n{"arguments": {"b": 1}, "name": "get"}';

/** The items of an answer with at most one call, and its finish reason. */
function readAnswer(text: string, options: { stop?: string[]; maxTokens?: number } = {}) {
  const parser = chooseParser(
    { reasoning: { open: '<think>', close: '</think>' }, tools: HERMES, markers: [] },
    {
      reasoning: 'possible',
      tools: [{ name: 'get', parameters: {} }],
      isContinued: false,
      newCallId: () => 'id',
    },
  );
  const { stop = [], maxTokens = 9999 } = options;
  const decoder = new TokenDecoder(TEXTS, { startsText: true });
  const answer = new Answer({ index: 0, decoder, stop, parser, maxTokens, maxToolCalls: 1 });
  const items = Array.from(text).flatMap((token) =>
    answer.finish === undefined
      ? answer.push(token.codePointAt(0) ?? 0, { token, logprob: -1, bytes: [] })
      : [],
  );
  if (answer.finish === undefined) items.push(...answer.end('stop'));
  const join = (of: (item: StepItem) => string | undefined): string =>
    items.map((item) => of(item) ?? '').join('');
  return {
    calls: items.flatMap(({ tool }) => (tool === undefined ? [] : [tool.index])),
    text: join((item) => item.text),
    reasoning: join((item) => item.reasoning),
    arguments: join((item) => item.tool?.arguments),
    logprobs: items.flatMap((item) => item.logprobs ?? []).map(({ token }) => token),
    answer,
  };
}

describe('an answer with one call per turn', () => {
  test('ends at the head of a second call', () => {
    const { calls, answer } = readAnswer(`${CALL}${CALL}and more`);

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
    expect(answer.tokens.length).toBeLessThan(2 * CALL.length);
  });

  test('does not emit a second call that is detected at the end of the answer', () => {
    const { calls, answer } = readAnswer(CALL + UNCLOSED);

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
  });

  test('does not emit a second call that is detected at the last token of the answer', () => {
    const text = CALL + UNCLOSED;
    const { calls, answer } = readAnswer(`${text}rest`, { maxTokens: text.length });

    expect(new Set(calls)).toEqual(new Set([0]));
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
  });
});

const THOUGHTS = '<think>\nSTOP? No.\n</think>\n\n';
const STOP_CALL = '<tool_call>\n{"name": "get", "arguments": {"a": "STOP"}}\n</tool_call>';

describe('a stop string', () => {
  test('ends an answer at its position in the content, and is reported', () => {
    const { text, answer } = readAnswer('One STOP two', { stop: ['STOP'] });

    expect(text).toBe('One ');
    expect(answer.finish).toEqual({ reason: 'stop', matchedStop: 'STOP' });
  });

  test('is not matched in reasoning or its markers', () => {
    for (const stop of ['STOP', 'think', '\n', '\n\n', '>']) {
      const { text, reasoning, answer } = readAnswer(`${THOUGHTS}Done.`, { stop: [stop] });

      expect({ text, reasoning }).toEqual({ text: 'Done.', reasoning: 'STOP? No.' });
      expect(answer.finish).toEqual({ reason: 'stop' });
    }
  });

  test('is not matched in the markup, the name or the arguments of a call', () => {
    for (const stop of ['STOP', 'tool_call', '{"', 'get', '\n']) {
      const read = readAnswer(`Wait.${STOP_CALL}`, { stop: [stop] });

      expect(read).toMatchObject({ text: 'Wait.', arguments: '{"a": "STOP"}' });
      expect(read.answer.finish).toEqual({ reason: 'tool_calls' });
    }
  });

  test('does not match across a call', () => {
    const { text, answer } = readAnswer(`ST${STOP_CALL}OP`, { stop: ['STOP'] });

    expect(text).toBe('STOP');
    expect(answer.finish).toEqual({ reason: 'tool_calls' });
  });

  test('is matched in text that was held back as the start of a marker', () => {
    const { text, answer } = readAnswer('a <tool', { stop: ['<to'] });

    expect(text).toBe('a ');
    expect(answer.finish).toEqual({ reason: 'stop', matchedStop: '<to' });
  });
});

describe('log-probabilities', () => {
  test('cover only content, not reasoning, markers or calls', () => {
    const { text, logprobs } = readAnswer(`${THOUGHTS}Hi.\n${STOP_CALL}`);

    expect(text).toBe('Hi.');
    expect(logprobs.join('')).toBe('Hi.');
  });

  test('do not cover a stop string', () => {
    const { logprobs } = readAnswer('One STOP two', { stop: ['STOP'] });

    expect(logprobs.join('')).toBe('One ');
  });

  test('arrive with text that was held back as the start of a stop string or a marker', () => {
    const { logprobs } = readAnswer('One STO <tool', { stop: ['STOP'] });

    expect(logprobs.join('')).toBe('One STO <tool');
  });

  test('of the parts of a character arrive with the character', () => {
    const bytes = Array.from(Buffer.from('a你'));
    const vocabulary = { bytesOf: (token: number) => Uint8Array.of(token), isControl: () => false };
    const texts = new TokenTexts({ ...vocabulary, hidesFirstSpace: false }, new Set());
    const decoder = new TokenDecoder(texts, { startsText: true });
    const parser = new PlainParser();
    const limits = { maxTokens: 99, maxToolCalls: 1 };
    const answer = new Answer({ index: 0, decoder, stop: [], parser, ...limits });

    const items = bytes.flatMap((byte) =>
      answer.push(byte, { token: '', logprob: -1, bytes: [byte] }),
    );

    expect(items.map((item) => item.logprobs?.map((entry) => entry.bytes))).toEqual([
      [[bytes[0]]],
      bytes.slice(1).map((byte) => [byte]),
    ] as number[][][]);
  });
});

describe('the finish reason', () => {
  const CUT = '<tool_call>\n{"name": "get", "arguments": {"a": "abc';

  test('is "length" when the tokens end within a call, whose arguments stay incomplete', () => {
    const read = readAnswer(`${CUT}def`, { maxTokens: CUT.length });

    expect(read.arguments).toBe('{"a": "abc');
    expect(read.answer.finish).toEqual({ reason: 'length' });
  });

  test('is "length" when the model ends its answer within a value of a call', () => {
    const read = readAnswer(CUT);

    expect(JSON.parse(read.arguments)).toEqual({ a: 'abc' });
    expect(read.answer.finish).toEqual({ reason: 'length' });
  });

  test('is "tool_calls" when the model omits only brackets and closing markers', () => {
    const read = readAnswer(`${CUT}"`);

    expect(JSON.parse(read.arguments)).toEqual({ a: 'abc' });
    expect(read.answer.finish).toEqual({ reason: 'tool_calls' });
  });
});
