import { Glob } from 'bun';
import { expect, test } from 'bun:test';

import {
  isTest,
  missingTests,
  type Proof,
  readRules,
  ROOT,
  unshown,
  wholeNumbers,
} from './numbered-rules.ts';

const PAGE = 'docs/translation-cases.md';
const RULES = readRules(PAGE);

/** Each file or folder that one of these finds is a golden case. */
const GOLDEN = [
  'packages/protocol/src/dialects/*/__fixtures__/*',
  'packages/protocol/src/dialects/*/golden/*/*',
];

const CASES = GOLDEN.flatMap((pattern) => [
  ...new Glob(pattern).scanSync({ cwd: ROOT, onlyFiles: false }),
])
  .map((path) => path.replace(/\.json$/, ''))
  .toSorted();

/** What a line names in a folder of golden cases: `` `p22-*`, `p31-id-characters` ``. */
const patternsOf = ({ path, name }: Proof): readonly string[] =>
  [...name.matchAll(/`(.+?)`/g)].map(([, pattern = '']) => `${path}/${pattern}`);

const PATTERNS = RULES.flatMap(({ proofs }) =>
  proofs.filter((proof) => !isTest(proof)).flatMap(patternsOf),
).map((pattern) => ({ pattern, glob: new Glob(pattern) }));

test(`${PAGE} has every case from 1 to 23, each with a test or a golden case`, () => {
  const numbers = RULES.map(({ number }) => number);

  expect(wholeNumbers(RULES)).toEqual(Array.from({ length: 23 }, (_, index) => index + 1));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(unshown(RULES)).toEqual([]);
});

test(`${PAGE} names tests that exist`, () => {
  expect(RULES.flatMap(({ proofs }) => proofs.filter(isTest)).length).toBeGreaterThan(100);
  expect(missingTests(RULES)).toEqual([]);
});

test(`${PAGE} names golden cases that exist`, () => {
  const without = PATTERNS.filter(({ glob }) => !CASES.some((one) => glob.match(one)));

  expect(without.map(({ pattern }) => pattern)).toEqual([]);
  expect(PATTERNS.length).toBeGreaterThan(50);
});

test(`each golden case of a dialect belongs to a rule of ${PAGE}`, () => {
  const orphans = CASES.filter((one) => !PATTERNS.some(({ glob }) => glob.match(one)));

  expect(orphans).toEqual([]);
  expect(CASES.length).toBeGreaterThan(200);
});
