import { expect, test } from 'bun:test';

import { formatTable } from './format-table.ts';

test('a table aligns text left and numbers right, and shows a missing value as a dash', () => {
  const table = formatTable(
    ['NODE', 'STATE', 'FREE MB'],
    [
      ['beast', 'up', 24_576],
      ['benjy', undefined, 0],
    ],
  );

  expect(table).toBe('NODE   STATE  FREE MB\nbeast  up       24576\nbenjy  -            0');
});

test('a table shows control characters in the name of a file as escapes, and keeps its columns', () => {
  const table = formatTable(['MODEL', 'STATUS'], [['a\u001B[2J\nb', 'loaded']]);

  expect(table).toBe(`MODEL              STATUS\n${String.raw`a\u001b[2J\u000ab`}  loaded`);
});
