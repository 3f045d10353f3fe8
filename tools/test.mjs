/**
 * `npm test`: every test that a machine with only Node and npm can run.
 *
 * SCALE sizes the load tests: 1 is full size (`npm run soak`), the default is 1/20. With arguments, only the named
 * files or folders run. The last line is `N passed, N failed, N skipped`.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { pinFiles, ROOT, runTests, sum } from './run-tests.mjs';

process.env.SCALE ??= String(1 / 20);

const otherPackages = readdirSync(join(ROOT, 'packages'))
  .filter((name) => name !== 'engine')
  .map((name) => `./packages/${name}`);

/**
 * The groups run one after the other, because end-to-end tests measure times and other tests would distort them. The lanes
 * of one group run in parallel: the engine tests compute on one core, and the tests of other packages mostly wait.
 */
const GROUPS = [
  {
    title: 'unit and integration',
    lanes: [['./packages/engine'], [...otherPackages, './tools', './bench']],
  },
  { title: 'pins', lanes: [pinFiles()] },
  { title: 'end to end', lanes: [['./test/e2e']] },
];

const named = process.argv.slice(2);
const groups = named.length > 0 ? [{ title: 'named', lanes: [named] }] : GROUPS;
const outcomes = [];
for (const { title, lanes } of groups) {
  console.log(`\n== ${title} (SCALE=${process.env.SCALE})`);
  const running = lanes.map((paths, index) => {
    const present = paths.filter((path) => existsSync(join(ROOT, path)));
    return runTests(present, { isHeld: index > 0 });
  });
  outcomes.push(...(await Promise.all(running)));
}
const { passed, failed, skipped, failedNames, skippedNames } = sum(outcomes);

if (skipped > 0) console.log('\nSkipped (each name ends with its requirement):');
for (const name of skippedNames) console.log(`  ${name}`);
if (failed > 0) console.log('\nFailed:');
for (const name of failedNames) console.log(`  ${name}`);
const summary = process.env.CORTEX_TEST_SUMMARY;
if (summary) writeFileSync(summary, JSON.stringify({ passed, failed, skipped, skippedNames }));
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
