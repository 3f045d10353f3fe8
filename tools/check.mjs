/** `npm run check`: format, lint, types, unused code, unit tests and pins, in under a minute. The gate before a push. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { findBun } from '../packages/service/launch.mjs';
import { pinFiles, ROOT } from './run-tests.mjs';

const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
const sources = readdirSync(join(ROOT, 'packages')).map((name) => `./packages/${name}/src`);

const STEPS = [
  ['format', [bin('prettier'), '--check', '--cache', '.']],
  ['lint', [bin('oxlint'), '--type-aware', '--quiet']],
  ['types', [bin('tsc'), '-p', '.']],
  ['unused code', [bin('knip')]],
  [
    'unit tests and pins',
    [findBun(), 'test', '--only-failures', '--timeout=60000', ...sources, ...pinFiles()],
  ],
];

/** Runs one step; its output is shown only when it failed. */
function run([title, [command, ...args]]) {
  const startedMs = performance.now();
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${title} (${seconds} s)`);
      if (code !== 0) console.log(output.trimEnd());
      done(code === 0);
    });
  });
}

const results = [];
for (const step of STEPS) results.push(await run(step));
process.exitCode = results.every(Boolean) ? 0 : 1;
