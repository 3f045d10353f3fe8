import { expect, test } from 'bun:test';

import { LogLines } from './log-lines.ts';

const streamOf = (...chunks: readonly string[]) => new Blob([...chunks]).stream();

test('a stream becomes lines, including an incomplete last one', async () => {
  const log = new LogLines();
  const heard: string[] = [];
  log.listen((line) => heard.push(line));

  await log.read(streamOf('one\r\ntwo\n', 'thr', 'ee'));

  expect(heard).toEqual(['one', 'two', 'three']);
  expect(log.tail).toEqual(heard);
});

test('the log tail holds the last 500 lines', async () => {
  const log = new LogLines();

  await log.read(streamOf(Array.from({ length: 700 }, (_, index) => `line ${index}\n`).join('')));

  expect(log.tail.length).toBe(500);
  expect(log.tail.at(-1)).toBe('line 699');
});

test('an endless line takes bounded memory', async () => {
  const log = new LogLines();

  await log.read(streamOf('x'.repeat(5_000_000), '\nafter\n'));

  expect(log.tail.join('').length).toBeLessThan(5_000_100);
  expect(Math.max(...log.tail.map((line) => line.length))).toBeLessThan(8_200);
  expect(log.tail.at(-1)).toBe('after');
});
