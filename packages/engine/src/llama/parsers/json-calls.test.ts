import { describe, expect, test } from 'bun:test';

import { chooseParser } from './choose-parser.ts';
import { LLAMA } from './families/llama.ts';
import type { OutputDelta, OutputParser } from './output-parser.ts';

const parserFor = (): OutputParser =>
  chooseParser(
    { reasoning: undefined, tools: LLAMA, markers: [] },
    {
      reasoning: 'closed',
      tools: [{ name: 'get', parameters: {} }],
      isContinued: false,
      newCallId: () => 'id',
    },
  );

const textOf = (deltas: readonly OutputDelta[]): string =>
  deltas.map((delta) => ('text' in delta ? delta.text : '')).join('');

const LONG = 'x'.repeat(3000);

describe('an answer in bare JSON', () => {
  test.each([
    { name: 'Bob', bio: LONG },
    { name: 'get', bio: LONG },
    { name: LONG },
    { name: { first: 'Bob', last: LONG } },
    { type: 'object', properties: { text: LONG } },
    { type: LONG },
    { id: 7, name: 'get', arguments: [LONG] },
    { id: 'a', type: 'b', title: LONG },
    { title: LONG },
    { 'a"b': LONG },
  ])('is emitted as it arrives: %j', (answer) => {
    for (const indent of [0, 2]) {
      const json = JSON.stringify(answer, undefined, indent);
      const parser = parserFor();
      const early = textOf(
        Array.from(json.slice(0, -1)).flatMap((character) => [...parser.push(character)]),
      );

      expect(early.length).toBeGreaterThan(json.length - 310);
      expect(early + textOf([...parser.push('}'), ...parser.end('cut')])).toBe(json);
      expect(parser.toolCalls).toBe(0);
    }
  });

  test.each([
    ['{"name": "get", "parameters": {"a": "b"}}', '{"a": "b"}'],
    ['{ "type" : "function" , "id" : 5 , "name" : "get" , "arguments" : {"a": 1} }', '{"a": 1}'],
    ['{"name": "get", "type": "function", "arguments": {"a": 1}}', '{"a": 1}'],
    ['{"name": "get", "arguments": "{\\"a\\": 1}"}', '{"a": 1}'],
    ['{"name": "get", "arguments": null}', '{}'],
    ['{"name": "\\u0067et"}', '{}'],
    [`{"parameters": {"a": "${LONG}"}, "name": "get", "note": 1}`, `{"a": "${LONG}"}`],
  ])('is a call if it has the members of a call: %s', (json, expected) => {
    const parser = parserFor();
    const deltas = [
      ...Array.from(json).flatMap((character) => [...parser.push(character)]),
      ...parser.end('cut'),
    ];
    const calls = deltas.flatMap((delta) => ('tool' in delta ? [delta.tool] : []));

    expect(calls[0]).toMatchObject({ index: 0, name: 'get' });
    expect(calls.map((call) => call.arguments ?? '').join('')).toBe(expected);
    expect(textOf(deltas)).toBe('');
  });
});
