import { expect, test } from 'bun:test';

import { createRecordWriter } from './record-writer.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('the records of one event loop turn are one write with one JSON line each', async () => {
  const written: string[] = [];
  const write = createRecordWriter((text) => written.push(text));

  write({ a: 1 });
  write({ b: 'x\ny' });
  await nextTurn();

  expect(written).toEqual(['{"a":1}\n{"b":"x\\ny"}\n']);
});

test('flush writes waiting records at once, and only once', async () => {
  const written: string[] = [];
  const write = createRecordWriter((text) => written.push(text));

  write({ a: 1 });
  write.flush();
  write.flush();
  await nextTurn();

  expect(written).toEqual(['{"a":1}\n']);
});

test('records after a flush in the same event loop turn are written too', async () => {
  const written: string[] = [];
  const write = createRecordWriter((text) => written.push(text));

  write({ a: 1 });
  write.flush();
  write({ b: 2 });
  await nextTurn();

  expect(written.join('')).toBe('{"a":1}\n{"b":2}\n');
});
