import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { type Script, ScriptedParser } from './answer-text.ts';
import { repairedObject, streamObject } from './json-arguments.ts';
import type { OutputDelta } from './output-parser.ts';

/** Parses the arguments at the start; the text after them is content. */
function read(pieces: readonly string[], how: 'finished' | 'cut' = 'finished') {
  const parser = new ScriptedParser(
    function* (text): Script<void> {
      text.beginCall('f');
      yield* text.more();
      yield* streamObject(text);
      while (yield* text.more()) text.content(text.take());
    },
    { newCallId: () => 'id', markers: ['</tool_call>', '<|call|>'] },
  );
  const deltas: OutputDelta[] = pieces.flatMap((piece) => [...parser.push(piece)]);
  deltas.push(...parser.end(how));
  const args = deltas
    .map((delta) => ('tool' in delta ? (delta.tool.arguments ?? '') : ''))
    .join('');
  const behind = deltas.map((delta) => ('text' in delta ? delta.text : '')).join('');
  return { args, behind, isCut: parser.isCallCut };
}

describe('JSON arguments of a call', () => {
  test('are emitted unchanged when they are valid', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
        fc.constantFrom(0, 1, '\t', '\n '),
        (value, space) => {
          const json = JSON.stringify(value, undefined, space);

          expect(read([json, '</tool_call>'])).toEqual({
            args: json,
            behind: '</tool_call>',
            isCut: false,
          });
        },
      ),
    );
  });

  test('keep digits that no double represents', () => {
    const json = '{"id": 12345678901234567890, "x": 1.50, "y": -1E+5}';

    expect(read([json]).args).toBe(json);
  });

  test.each([
    ['raw line breaks and tabs in a string', '{"a": "b\n\tc\u0001"}', { a: 'b\n\tc\u0001' }],
    ['quotes in a string', '{"a": "say "hi", he said", "b": 1}', { a: 'say "hi", he said', b: 1 }],
    ['a quote at the end of a string', '{"a": "say "hi"", "b": 1}', { a: 'say "hi"', b: 1 }],
    ['an object in a string', '{"a": "{"b": "c"}"}', { a: '{"b": "c"}' }],
    ['escapes that JSON does not have', String.raw`{"a": "C:\dir\'\u12"}`, { a: "C:\\dir'\\u12" }],
    ['single quotes', "{'a': 'it''s', 'b': ['c']}", { a: "it''s", b: ['c'] }],
    [
      'bare keys and values',
      '{a: New York, b: True, c: None}',
      { a: 'New York', b: true, c: null },
    ],
    ['missing commas', '{"a": 1 "b": [2 3] "c": 4}', { a: 1, b: ['2 3'], c: 4 }],
    ['extra commas', '{"a": [1, 2,], "b": 3,}', { a: [1, 2], b: 3 }],
    ['missing values', '{"a": , "b"}', { a: null, b: null }],
    ['an unclosed bracket', '{"a": [1, {"b": 2}', { a: [1, { b: 2 }] }],
    ['a mismatched bracket', '{"a": [1, 2}', { a: [1, 2] }],
    ['an extra bracket', '{"a": 1]}', { a: 1 }],
  ])('with %s are repaired', (_, json, expected) => {
    const { args } = read([json]);

    expect(JSON.parse(args)).toEqual(expected);
    expect(JSON.parse(repairedObject(json))).toEqual(expected);
  });

  test('end where a marker or other text starts', () => {
    expect(read(['{"a": "b"</tool_call>'])).toMatchObject({
      args: '{"a": "b"}',
      behind: '</tool_call>',
    });
    expect(read(['{"a": [1, 2</tool_call>'])).toMatchObject({
      args: '{"a": [1, 2]}',
      behind: '</tool_call>',
    });
    expect(read(['{"a": "b"} Done.'])).toMatchObject({ args: '{"a": "b"}', behind: ' Done.' });
    expect(read(['{"a": "<b class="c">|</tool_call>"}'])).toMatchObject({
      args: String.raw`{"a": "<b class=\"c\">|</tool_call>"}`,
      behind: '',
    });
  });

  const piece = fc.constantFrom(
    ...Array.from('"\'{}[],:\\\n a1-<🙂\u0000'),
    'null',
    '\\u00',
    '</tool_call>',
    '<|call|>',
    '"a": ',
    '"b"',
  );

  test('of a complete call are valid JSON, and the same in every chunking', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 25 }),
        fc.array(fc.nat(4), { maxLength: 60 }),
        (pieces, lengths) => {
          const whole = `{${pieces.join('')}`;
          const parsed = read([whole]);
          let at = 0;
          const cut = lengths.map((length) => whole.slice(at, (at += length)));

          expect(JSON.parse(parsed.args)).toBeObject();
          expect(read([...cut, whole.slice(at)])).toEqual(parsed);
          expect(read(Array.from(whole))).toEqual(parsed);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('that are cut off are a prefix of the complete arguments', () => {
    const json = '{"a": {"b": ["c", 12, true]}, "d": "e\\n"}';
    for (let end = 1; end < json.length; end++) {
      const { args, isCut } = read([json.slice(0, end)], 'cut');

      expect(json.startsWith(args.trimEnd().replace(/,$/, ''))).toBe(true);
      expect(isCut).toBe(true);
    }
  });
});
