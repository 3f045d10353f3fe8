/**
 * The clients for test/e2e/clients: agent programs from npm, and the SDKs for Python from PyPI.
 *
 * Prints their folder: $CORTEX_TEST_CLIENTS if set, else `clients-<digest of the pins>` in $CORTEX_CI_CACHE (default
 * `.cache`), which the first call fills. What cannot be installed is missing there: its tests are skipped.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './run-tests.mjs';

const PINS = join(ROOT, 'tools/clients');
const PROGRAMS = 'package.json';
const SDKS = 'requirements.txt';

const digest = createHash('sha256');
for (const name of [PROGRAMS, SDKS]) digest.update(readFileSync(join(PINS, name)));
const folder =
  process.env.CORTEX_TEST_CLIENTS ??
  join(
    process.env.CORTEX_CI_CACHE ?? join(ROOT, '.cache'),
    `clients-${digest.digest('hex').slice(0, 12)}`,
  );

/** Runs a command; its output does not belong to that of this program. @returns whether it succeeded */
function succeeds([file, ...args]) {
  const child = spawn(file, args, { stdio: ['ignore', 2, 2] });
  return new Promise((done) => {
    child.on('error', () => done(false));
    child.on('close', (code) => done(code === 0));
  });
}

/** Fills `folder`/`name` by `commandFor` a new folder, which moves into place only when it is complete. */
async function install(name, pins, commandFor) {
  const place = join(folder, name);
  if (existsSync(place)) return;
  const partial = join(folder, `${name}.partial`);
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  copyFileSync(join(PINS, pins), join(partial, pins));
  if (await succeeds(commandFor(partial))) renameSync(partial, place);
  else console.error(`tools/clients/${pins} could not be installed: its tests are skipped.`);
}

const words = (text) => text.split(' ');
// Each package has its exact version and no dependency that it needs, so nothing is locked. Its scripts are not run.
const NPM = words(
  'npm install --no-package-lock --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error --prefix',
);
// Not into a virtual environment, because that cannot be moved.
const PIP = words(
  'python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target',
);

if (process.env.CORTEX_TEST_CLIENTS === undefined) {
  mkdirSync(folder, { recursive: true });
  await Promise.all([
    install('programs', PROGRAMS, (partial) => [...NPM, partial]),
    install('python', SDKS, (partial) => [
      ...PIP,
      join(partial, 'site'),
      '-r',
      join(partial, SDKS),
    ]),
  ]);
}
console.log(folder);
