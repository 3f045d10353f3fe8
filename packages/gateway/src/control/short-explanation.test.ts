import { expect, test } from 'bun:test';

import { shortExplanation } from './short-explanation.ts';

test('an explanation has at most 1000 characters, of whole sentences but for the first', () => {
  const nodes = Array.from({ length: 200 }, (_, index) => `node-${index} has 8000 MiB`).join(', ');

  expect(shortExplanation(['It went to a.', 'It was loaded there.', nodes])).toBe(
    'It went to a. It was loaded there.',
  );
  const cut = shortExplanation([nodes, 'More.']);
  expect(cut.length).toBeLessThanOrEqual(1000);
  expect(nodes.startsWith(cut.slice(0, 500))).toBe(true);
});

test('the length may be that of another form of the text', () => {
  const text = shortExplanation(['ü'.repeat(600)], (some) => encodeURIComponent(some).length);

  expect(encodeURIComponent(text).length).toBeLessThanOrEqual(1000);
});
