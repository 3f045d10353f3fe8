/**
 * `npm run soak`: the same tests at full size, then the benchmarks, then one benchmark slowed on purpose: a figure
 * that does not move when the gateway is made slower measures nothing.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { ROOT } from './run-tests.mjs';

/** CPU added to every request in the slowed run, µs; several times what a request costs. */
const HANDICAP_US = 1000;
/** How much the figure must grow at least. */
const MUST_MOVE = 1.5;

/** The figures of one run; undefined when it failed, a missed target included. */
function benchGateway(...args) {
  const bench = [join('tools', 'bun.mjs'), 'bench/gateway/main.ts', '--json', ...args];
  const { status, stdout } = spawnSync(process.execPath, bench, {
    cwd: ROOT,
    stdio: ['inherit', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  process.stdout.write(stdout);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  return status === 0 && line.startsWith('{') ? JSON.parse(line) : undefined;
}

const failures = [];
const { status } = spawnSync(process.execPath, [join('tools', 'test.mjs')], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, SCALE: '1' },
});
if (status !== 0) failures.push('tests at SCALE=1');

const figure = benchGateway();
const slowed = benchGateway('--no-check', '--slow-us', String(HANDICAP_US));
if (figure === undefined || slowed === undefined) failures.push('bench:gateway');
else if (slowed.request_cpu_vs_nginx < figure.request_cpu_vs_nginx * MUST_MOVE) {
  failures.push(
    `bench:gateway does not notice ${HANDICAP_US} µs more a request (${figure.request_cpu_vs_nginx} → ${slowed.request_cpu_vs_nginx})`,
  );
}

for (const failure of failures) console.error(`FAILED  ${failure}`);
console.log(failures.length === 0 ? 'soak: all good' : `soak: ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
