import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findBun } from '../packages/service/launch.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The tests of the repository as a whole: rules for every package. */
export const pinFiles = () =>
  readdirSync(join(ROOT, 'test'))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `./test/${name}`);

/** Timeout of a test that does not set one. */
const TEST_TIMEOUT_MS = 60_000;

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string[]} failedNames
 * @property {string[]} skippedNames
 * @property {string[]} failures - What was printed for each failed test, if the output was held.
 */

/** Lines that are kept of what a failed test printed. */
const FAILURE_LINES = 60;
const RESULT = /^\((pass|fail|skip|todo)\) /;

/** What was printed for each failed test, its result last. */
function failuresIn(output) {
  const failures = [];
  let lines = [];
  for (const line of output.split('\n')) {
    lines.push(line);
    const [, result] = RESULT.exec(line) ?? [];
    if (result === undefined) continue;
    if (result === 'fail') failures.push(lines.slice(-FAILURE_LINES).join('\n'));
    lines = [];
  }
  return failures;
}

const ENTITIES = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
const decode = (text) => text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, name) => ENTITIES[name]);

const attribute = (element, name) =>
  decode(new RegExp(`\\b${name}="([^"]*)"`).exec(element)?.[1] ?? '');

/** The name of a test, after those of its groups. */
const fullName = (element) =>
  [attribute(element, 'classname'), attribute(element, 'name')].filter(Boolean).join(' > ');

/** Counts in a JUnit report of `bun test`. */
function readReport(path) {
  const xml = readFileSync(path, 'utf8');
  const total = /<testsuites [^>]*>/.exec(xml)?.[0] ?? '';
  const failed = Number(attribute(total, 'failures'));
  const skipped = Number(attribute(total, 'skipped'));
  const namesWith = (mark) =>
    [...xml.matchAll(new RegExp(`(<testcase [^>]*[^/])>\\s*<${mark}`, 'g'))].map(
      ([, element]) => `${attribute(element, 'file')}: ${fullName(element)}`,
    );
  return {
    passed: Number(attribute(total, 'tests')) - failed - skipped,
    failed,
    skipped,
    failedNames: namesWith('failure'),
    skippedNames: namesWith('skipped'),
  };
}

const NOTHING_REPORTED = {
  passed: 0,
  failed: 0,
  skipped: 0,
  failedNames: [],
  skippedNames: [],
};

/**
 * Runs `bun test` over `paths`; its output is forwarded at once, or with `isHeld` when it ends.
 *
 * @param {readonly string[]} paths
 * @param {{ isHeld?: boolean }} options
 * @returns {Promise<Outcome>}
 */
export async function runTests(paths, { isHeld = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'cortex-test-'));
  const report = join(folder, 'report.xml');
  const args = [
    'test',
    `--timeout=${TEST_TIMEOUT_MS}`,
    '--reporter=junit',
    `--reporter-outfile=${report}`,
    ...paths,
  ];
  const child = spawn(findBun(), args, {
    cwd: ROOT,
    stdio: isHeld ? ['inherit', 'pipe', 'pipe'] : 'inherit',
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' },
  });
  const held = [];
  child.stdout?.on('data', (chunk) => held.push(chunk));
  child.stderr?.on('data', (chunk) => held.push(chunk));
  const code = await new Promise((done) => child.on('close', (status) => done(status ?? 1)));
  const output = Buffer.concat(held);
  process.stdout.write(output);
  try {
    const read = existsSync(report) ? readReport(report) : NOTHING_REPORTED;
    const outcome = { ...read, failures: failuresIn(output.toString()) };
    if (code === 0 || outcome.failed > 0) return outcome;
    // Only the exit code shows a file that does not load or a crash of the runner.
    const failedNames = [`bun test ended with exit code ${code}: ${paths.join(' ')}`];
    const failures = [output.toString().split('\n').slice(-FAILURE_LINES).join('\n')];
    return { ...outcome, failed: 1, failedNames, failures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The test files below `folders`, sorted, as paths from the root. */
export const testFiles = (...folders) =>
  folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .filter((name) => name.endsWith('.test.ts') && !name.split(sep).includes('node_modules'))
      .map((name) => `./${join(folder, name)}`)
      .sort(),
  );

/**
 * Runs chunks of test files, one process per chunk and `workers` at a time, in their order. The output of a chunk is
 * printed when it ends.
 *
 * @param {readonly (readonly string[])[]} chunks
 * @param {number} workers
 * @returns {Promise<Outcome[]>}
 */
export async function runChunks(chunks, workers) {
  const left = chunks.filter((paths) => paths.length > 0);
  const outcomes = [];
  const work = async () => {
    for (let paths = left.shift(); paths !== undefined; paths = left.shift()) {
      const startedMs = performance.now();
      outcomes.push(await runTests(paths, { isHeld: true }));
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      console.log(`-- ${paths.length} files from ${paths[0]} in ${seconds} s`);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return outcomes;
}

/** @param {readonly Outcome[]} outcomes @returns {Outcome} */
export function sum(outcomes) {
  const total = (of) => outcomes.reduce((count, outcome) => count + outcome[of], 0);
  return {
    passed: total('passed'),
    failed: total('failed'),
    skipped: total('skipped'),
    failedNames: outcomes.flatMap((outcome) => outcome.failedNames),
    skippedNames: outcomes.flatMap((outcome) => outcome.skippedNames),
    failures: outcomes.flatMap((outcome) => outcome.failures),
  };
}
