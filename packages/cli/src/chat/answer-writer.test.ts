import { expect, test } from 'bun:test';

import { AnswerWriter } from './answer-writer.ts';

function written(isInteractive: boolean): string {
  let all = '';
  const terminal = {
    write: (text: string) => {
      all += text;
    },
    print: () => undefined,
    warn: () => undefined,
    isInteractive,
  };
  const writer = new AnswerWriter(terminal, (_, text) => text);
  writer.write({ text: 'a\u001B[31mb\n' });
  return all;
}

test('a terminal shows control characters of an answer as escapes, a file gets them as they are', () => {
  expect(written(true)).toBe(`${String.raw`a\u001b[31mb`}\n`);
  expect(written(false)).toBe('a\u001B[31mb\n');
});
