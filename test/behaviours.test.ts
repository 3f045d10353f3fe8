import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const PAGE = readFileSync(join(ROOT, 'docs/behaviours.md'), 'utf8');

/** Numbers in order, those with a letter after their number. */
const NUMBERS = [...PAGE.matchAll(/^\*\*(\d+[a-z]?)\.\*\* /gm)].map(([, number = '']) => number);
const TESTS = [...PAGE.matchAll(/^- `(.+?)`: (.+)$/gm)].map(([, file = '', name = '']) => ({
  file,
  name,
}));

test('docs/behaviours.md has every behaviour from 1 to 53, each with a test', () => {
  const whole = NUMBERS.filter((number) => /^\d+$/.test(number));
  const sections = PAGE.split(/^\*\*\d+[a-z]?\.\*\* /m).slice(1);

  expect(whole).toEqual(Array.from({ length: 53 }, (_, index) => String(index + 1)));
  expect(new Set(NUMBERS).size).toBe(NUMBERS.length);
  for (const section of sections) expect(section).toContain('\n- `');
});

test('docs/behaviours.md names tests that exist', () => {
  const missing = TESTS.filter(
    ({ file, name }) => !readFileSync(join(ROOT, file), 'utf8').includes(name),
  );

  expect(TESTS.length).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});
