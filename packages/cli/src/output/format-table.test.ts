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
