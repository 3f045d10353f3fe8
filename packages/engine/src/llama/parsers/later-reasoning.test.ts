import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { chooseParser, readOutputFormat } from './choose-parser.ts';
import type { OutputDelta } from './output-parser.ts';

const FORMAT = readOutputFormat('… <think> … </think> … <tool_call>\n{"name": …');
const CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';

function read(pieces: readonly string[]) {
  const parser = chooseParser(FORMAT, {
    reasoning: 'possible',
    tools: [{ name: 'f', parameters: { properties: { a: {} } } }],
    isContinued: false,
    newCallId: () => 'id',
  });
  const deltas: OutputDelta[] = pieces.flatMap((piece) => [...parser.push(piece)]);
  deltas.push(...parser.end('finished'));
  const joined = { text: '', reasoning: '', calls: 0 };
  for (const delta of deltas) {
    if ('text' in delta) joined.text += delta.text;
    else if ('reasoning' in delta) joined.reasoning += delta.reasoning;
    else if (delta.tool.name !== undefined) joined.calls++;
  }
  return joined;
}

describe('reasoning after the start of an answer', () => {
  test.each([
    ['Hi.\n<think>\nHm.\n</think>\n\nBye.', 'Hi.\nBye.', 'Hm.'],
    ['<think>A.</think>\nHi.\n\n<think>B.</think>\nBye.', 'Hi.\n\nBye.', 'A.B.'],
    ['Hi.\n  <think>Hm.', 'Hi.\n  ', 'Hm.'],
    ['```\n<x>\n```\n<think>Hm.</think>Bye.', '```\n<x>\n```\nBye.', 'Hm.'],
  ])('is separated at the start of a line: %j', (answer, text, reasoning) => {
    expect(read([answer])).toEqual({ text, reasoning, calls: 0 });
  });

  test('is separated after a call, and calls after it are calls', () => {
    expect(read([`${CALL}<think>Hm.</think>${CALL}`])).toEqual({
      text: '',
      reasoning: 'Hm.',
      calls: 2,
    });
  });

  test.each([
    'Write <think> first.',
    'Write `<think>` or\n"<think>".',
    'Use this:\n```xml\n<think>\nHm.\n</think>\n```\nBye.',
    'Use this:\n~~~~\n~~~\n<think>Hm.</think>\n~~~~\nBye.',
    '```\n<think>\n',
  ])('is content within a line and in code: %j', (answer) => {
    expect(read([answer])).toEqual({ text: answer, reasoning: '', calls: 0 });
  });

  test('is the same in every chunking', () => {
    const fragment = fc.constantFrom(
      '<think>',
      '</think>',
      CALL,
      '```',
      '~~~',
      '\n',
      ' ',
      'Hi',
      '`',
      '<',
      '<thi',
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), (fragments) => {
        const whole = fragments.join('');

        expect(read(Array.from(whole))).toEqual(read([whole]));
      }),
      { numRuns: 2000 },
    );
  });
});
