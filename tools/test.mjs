/**
 * `npm test`: every test that a machine with only Node and npm can run.
 *
 * SCALE sizes the load tests: 1 is full size (`npm run soak`), the default is 1/20. With arguments, only the named
 * files or folders run. The last line is `N passed, N failed, N skipped`.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { pinFiles, ROOT, runChunks, runTests, sum, testFiles } from './run-tests.mjs';

process.env.SCALE ??= String(1 / 20);

/** End-to-end tests that measure times, those that mostly wait apart. They run after all others. */
const TIMED = [
  ['daemons-die'],
  ['mistakes', 'engine-dies'],
  ['many-streams', 'streaming', 'two-commands'],
].map((names) => names.map((name) => `./test/e2e/${name}.test.ts`));

/** Tests with programs that npm alone does not install here; .ci/run runs them apart. */
const CLIENTS = './test/e2e/clients/';

/** At full size, many streams need a core for themselves. */
const TIMED_WORKERS = process.env.SCALE === '1' ? 2 : TIMED.length;

/** The tests of packages that take long, in chunks of about a quarter of a minute. */
const CHUNKS = { engine: 16, neuron: 16, gateway: 3 };
/** More than cores, because many tests wait. More than four would distort each other's times. */
const WORKERS = Math.min(4, availableParallelism() + 2);

/** Deals `files` into `count` chunks, so that similar files, which are neighbours, are spread. */
const dealt = (files, count) =>
  Array.from({ length: count }, (_, chunk) =>
    files.filter((_file, index) => index % count === chunk),
  );

/** The engine's tests compute and the others mostly wait, so their chunks alternate. */
const large = Array.from({ length: Math.max(...Object.values(CHUNKS)) }, (_, chunk) => chunk)
  .flatMap((chunk) => Object.entries(CHUNKS).map(([name, count]) => ({ name, count, chunk })))
  .filter(({ count, chunk }) => chunk < count)
  .map(({ name, count, chunk }) => dealt(testFiles(`packages/${name}`), count)[chunk] ?? []);
const small = readdirSync(join(ROOT, 'packages'))
  .filter((name) => !Object.hasOwn(CHUNKS, name))
  .map((name) => testFiles(`packages/${name}`));

async function runAll() {
  console.log(`\n== unit, integration and pins, ${WORKERS} at a time (SCALE=${process.env.SCALE})`);
  const others = [...small, testFiles('tools', 'bench', 'test/deploy'), pinFiles()];
  const untimed = testFiles('test/e2e').filter(
    (file) => !TIMED.flat().includes(file) && !file.startsWith(CLIENTS),
  );
  const chunks = [...dealt(untimed, 2), ...large, ...others];
  const outcomes = await runChunks(chunks, WORKERS);
  console.log('\n== end to end, with times');
  return [...outcomes, ...(await runChunks(TIMED, TIMED_WORKERS))];
}

const named = process.argv.slice(2);
const outcomes = named.length > 0 ? [await runTests(named)] : await runAll();
const { passed, failed, skipped, failedNames, skippedNames, failures } = sum(outcomes);

if (skipped > 0) console.log('\nSkipped (each name says its requirement):');
for (const name of skippedNames) console.log(`  ${name}`);
// Again at the end, where it is found.
for (const failure of failures) console.log(`\n${failure.trim()}`);
if (failed > 0) console.log('\nFailed:');
for (const name of failedNames) console.log(`  ${name}`);
const summary = process.env.CORTEX_TEST_SUMMARY;
if (summary) writeFileSync(summary, JSON.stringify({ passed, failed, skipped, skippedNames }));
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
