/**
 * `npm run faults -- --requests 1000 --seed 2`: requests through a real gateway and four real neurons that are killed,
 * frozen, cut off, delayed and flapping. Fails if a request ends without an answer or a clear error, if anything is
 * left of one, or if a node holds a model twice or unloads a busy one.
 *
 * `--json` prints one line for scripts and nothing else.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { runFaults } from './run.ts';

const OUT = resolve(import.meta.dir, '../out');

const { values: flags } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

// Ends the daemons as well, which have process groups of their own.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** @throws Error naming the flag when its value is not a whole number from 1 */
function wholeNumber(flag: 'requests' | 'seed'): number {
  const value = Number(flags[flag]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${flag} must be a whole number from 1, not "${flags[flag]}"`);
}

mkdirSync(OUT, { recursive: true });
const figures = await runFaults({
  requests: wholeNumber('requests'),
  seed: wholeNumber('seed'),
  onProgress: (text) => {
    if (!flags.json) console.log(text);
  },
  onLog: (daemon, text) => writeFileSync(join(OUT, `faults-${daemon}.log`), text),
});
const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;
writeFileSync(
  join(OUT, 'faults.json'),
  `${JSON.stringify({ machine, load: loadavg(), ...figures }, null, 2)}\n`,
);
for (const text of figures.violations) console.error(`VIOLATED  ${text}`);
console.log(JSON.stringify(figures));
process.exitCode = figures.violations.length > 0 ? 1 : 0;
