import { PullReport } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { formatBytes, pullLine } from './pull-line.ts';

const report = (fields: Readonly<Record<string, unknown>>): PullReport =>
  PullReport.parse({
    model_id: 'org/m',
    source: 'hf:org/m',
    status: 'running',
    bytes_done: 0,
    ...fields,
  });

test('a download is shown with bar, percentage, bytes, rate and remaining time', () => {
  const line = pullLine(
    report({ bytes_done: 1.2e9, bytes_total: 4.8e9, progress: 0.25, bytes_per_s: 85e6, eta_s: 43 }),
  );

  expect(line).toBe('org/m  ██████░░░░░░░░░░░░░░░░░░  25 %  1.2 GB of 4.8 GB  85 MB/s  43 s left');
});

test('a download whose files are not known yet says so', () => {
  expect(pullLine(report({}))).toBe('org/m  asking for its files');
});

test.each([
  [0, '0.0 kB'],
  [999, '1.0 kB'],
  [999_600, '1.0 MB'],
  [123_456_789, '123 MB'],
  [4_920_000_000, '4.9 GB'],
  [2e15, '2000 TB'],
])('%p bytes are written as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [99, '99 s left'],
  [180, '3 min left'],
  [7500, '2 h 5 min left'],
])('%p seconds are written as %s', (seconds, text) => {
  expect(pullLine(report({ eta_s: seconds }))).toEndWith(text);
});
