import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { chooseParser, readOutputFormat, reasoningState } from './choose-parser.ts';
import type { OutputDelta, OutputParser } from './output-parser.ts';

const FORMAT = readOutputFormat('… <think> … </think> … <tool_call>\n{"name": …');

interface Parsed {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly {
    readonly id: string;
    readonly name: string;
    readonly arguments: string;
  }[];
}

function parserFor(
  options: {
    readonly prompt?: string;
    readonly begun?: string;
    readonly offersTools?: boolean;
  } = {},
): OutputParser {
  let calls = 0;
  const { prompt = '<|im_start|>assistant\n', begun, offersTools = true } = options;
  const reasoning = reasoningState(FORMAT, { prompt, begun });
  return chooseParser(FORMAT, {
    reasoning,
    tools: offersTools ? [{ name: 'get_weather', parameters: {} }] : [],
    isContinued: begun !== undefined,
    newCallId: () => `call_${calls++}`,
  });
}

function join(deltas: readonly OutputDelta[]): Parsed {
  let text = '';
  let reasoning = '';
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const delta of deltas) {
    if ('text' in delta) text += delta.text;
    else if ('reasoning' in delta) reasoning += delta.reasoning;
    else {
      const { index, id, name, arguments: piece = '' } = delta.tool;
      const call = (calls[index] ??= { id: id ?? '', name: name ?? '', arguments: '' });
      call.arguments += piece;
    }
  }
  return { text, reasoning, calls };
}

function parse(pieces: readonly string[], options: Parameters<typeof parserFor>[0] = {}): Parsed {
  const parser = parserFor(options);
  return join([...pieces.flatMap((piece) => [...parser.push(piece)]), ...parser.end('cut')]);
}

const CALL =
  '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Sofia", "n": [1, "}"]}}\n</tool_call>';
const PARSED_CALL = {
  id: 'call_0',
  name: 'get_weather',
  arguments: '{"city": "Sofia", "n": [1, "}"]}',
};

describe('an output parser', () => {
  test('returns text without markers as content, including trailing spaces', () => {
    expect(parse(['Hello ', 'world. \n'])).toEqual({
      text: 'Hello world. \n',
      reasoning: '',
      calls: [],
    });
  });

  test('separates reasoning from content and drops the line breaks around the markers', () => {
    const parsed = parse(['<think>\nLet me see.\n\nYes.\n</think>\n\nIt is 4.']);

    expect(parsed).toEqual({ text: 'It is 4.', reasoning: 'Let me see.\n\nYes.', calls: [] });
  });

  test('starts in reasoning when the prompt ends with an opening marker', () => {
    const parsed = parse(['So.\n</think>\n\nDone.'], {
      prompt: '<|im_start|>assistant\n<think>\n',
    });

    expect(parsed).toEqual({ text: 'Done.', reasoning: 'So.', calls: [] });
  });

  test('continues a started answer in reasoning or in content', () => {
    const inside = parse(['So.\n</think>\n\nDone.'], { begun: '<think>\nWell.' });
    const behind = parse([' is 4.'], { begun: '<think>\nWell.\n</think>\n\nIt' });

    expect(inside).toEqual({ text: 'Done.', reasoning: 'So.', calls: [] });
    expect(behind).toEqual({ text: ' is 4.', reasoning: '', calls: [] });
  });

  test('returns reasoning that is cut off as reasoning', () => {
    expect(parse(['<think>\nLet me'])).toEqual({ text: '', reasoning: 'Let me', calls: [] });
  });

  test('returns a reasoning marker in the middle of an answer as content', () => {
    expect(parse(['Write <think> first.']).text).toBe('Write <think> first.');
  });

  test('parses a call and drops the white space around it', () => {
    expect(parse([`Wait.\n${CALL}`])).toEqual({
      text: 'Wait.',
      reasoning: '',
      calls: [PARSED_CALL],
    });
  });

  test('parses two calls after reasoning', () => {
    const parsed = parse([`<think>\nBoth.\n</think>\n\n${CALL}\n${CALL}`]);

    expect(parsed.calls).toEqual([PARSED_CALL, { ...PARSED_CALL, id: 'call_1' }]);
    expect(parsed.text).toBe('');
  });

  test('emits arguments before the call is complete', () => {
    const parser = parserFor();
    const early = join(parser.push('<tool_call>{"name": "f", "arguments": {"a": "lo'));

    expect(early.calls).toEqual([{ id: 'call_0', name: 'f', arguments: '{"a": "lo' }]);
  });

  test.each([
    ['<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call>', '{"a": 1}'],
    [
      '<tool_call>{"id": "}", "n": 1, "arguments": {"id": 12345678901234567890, "x": 1.0}, "name": "f"}</tool_call>',
      '{"id": 12345678901234567890, "x": 1.0}',
    ],
    ['<tool_call>{"arguments": null, "name": "f"}</tool_call>', '{}'],
    ['<tool_call>{"name": "f"}</tool_call>', '{}'],
    ['<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', '{"a": 1}'],
    ['<tool_call>{"name": "f", "parameters": {"a": 1}}}</tool_call>', '{"a": 1}'],
  ])('parses %s as a call', (text, expected) => {
    expect(parse([text])).toEqual({
      text: '',
      reasoning: '',
      calls: [{ id: 'call_0', name: 'f', arguments: expected }],
    });
  });

  test.each([
    '<tool_call>get_weather(Sofia)</tool_call>',
    '<tool_call>{"city": "Sofia"}</tool_call>',
    '<tool_call>{"name": "f", "arg',
    'a <tool_cal',
  ])('returns %s, which it cannot parse, as content', (text) => {
    expect(parse([text])).toEqual({ text, reasoning: '', calls: [] });
  });

  test('emits an endless run of white space as it arrives', () => {
    const space = ' \n'.repeat(2000);
    for (const before of ['Hello', '<think>Well', CALL]) {
      const parser = parserFor();
      const { text, reasoning } = join(parser.push(before + space));

      expect(text.length + reasoning.length).toBeGreaterThan(3500);
    }
  });

  test('returns text after a call as content', () => {
    expect(parse([`${CALL}\n\nThat was it.`]).text).toBe('\n\nThat was it.');
  });

  test('returns calls as content when the request has no tools', () => {
    expect(parse([CALL], { offersTools: false }).text).toBe(CALL);
  });

  test('parses an answer the same in every chunking', () => {
    const fragment = fc.constantFrom(
      '<think>',
      '</think>',
      '<tool_call>',
      '</tool_call>',
      CALL,
      '{"name": "f", "arguments": {',
      '}',
      '\n',
      ' ',
      ' '.repeat(200),
      'Hi',
      '<',
      '"',
      'tool',
    );
    fc.assert(
      fc.property(
        fc.array(fragment, { maxLength: 12 }),
        fc.array(fc.oneof(fc.nat(9), fc.nat(300)), { maxLength: 60 }),
        (fragments, cuts) => {
          const whole = fragments.join('');
          const pieces: string[] = [];
          let at = 0;
          for (const cut of cuts) {
            pieces.push(whole.slice(at, at + cut));
            at += cut;
          }
          pieces.push(whole.slice(at));

          expect(parse(pieces)).toEqual(parse([whole]));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
