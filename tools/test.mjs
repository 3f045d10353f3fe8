/**
 * `npm test`: every test that a machine with nothing but Node and npm can run.
 *
 * SCALE sizes the load tests: 1 is full size (`npm run soak`), the default is a twentieth. With arguments only the
 * named files or folders run. The last line is `N passed, N failed, N skipped`.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { pinFiles, ROOT, runTests, sum } from './run-tests.mjs';

process.env.SCALE ??= String(1 / 20);

/** One after the other: the end-to-end tests measure times, and would measure their neighbours. */
const GROUPS = [
  ['unit and integration', ['./packages', './tools', './bench']],
  ['pins', pinFiles()],
  ['end to end', ['./test/e2e']],
];

const named = process.argv.slice(2);
const groups = named.length > 0 ? [['named', named]] : GROUPS;
const outcomes = [];
for (const [title, paths] of groups) {
  const present = paths.filter((path) => existsSync(join(ROOT, path)));
  console.log(`\n== ${title} (SCALE=${process.env.SCALE})`);
  outcomes.push(await runTests(present));
}
const { passed, failed, skipped, failedNames, skippedNames } = sum(outcomes);

if (skipped > 0) console.log('\nSkipped (each name ends with what it needs):');
for (const name of skippedNames) console.log(`  ${name}`);
if (failed > 0) console.log('\nFailed:');
for (const name of failedNames) console.log(`  ${name}`);
const summary = process.env.CORTEX_TEST_SUMMARY;
if (summary) writeFileSync(summary, JSON.stringify({ passed, failed, skipped, skippedNames }));
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
