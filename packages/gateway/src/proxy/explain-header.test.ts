import { expect, test } from 'bun:test';

import { explainHeader } from './explain-header.ts';

test('the header has the sentences, percent-encoded outside visible ASCII', () => {
  const header = explainHeader(['It went to büro after 3 s.', 'm was loaded.']);

  expect(header).toMatch(/^[\x21-\x7e]+$/);
  expect(decodeURIComponent(header)).toBe('It went to büro after 3 s. m was loaded.');
});

test('the header has only the sentences that fit', () => {
  const long = 'x'.repeat(2000);

  expect(explainHeader(['Short.', long, 'Also short.'])).toBe('Short.');
});

test('the header has the beginning of a sentence that is too long, in whole characters', () => {
  const header = explainHeader(['ü'.repeat(2000)]);

  expect(header.length).toBeLessThanOrEqual(1000);
  expect(decodeURIComponent(header)).toMatch(/^ü+…$/);
});
