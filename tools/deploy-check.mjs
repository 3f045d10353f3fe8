/**
 * Builds tools/deploy-check, with which test/deploy checks the Helm chart and the compose files.
 *
 * Prints its path: $CORTEX_TEST_DEPLOY_CHECK if set, else `deploy-check-<digest of its sources>` in $CORTEX_CI_CACHE
 * (default `.cache`), which the first call builds with Go in about a minute. Prints only an error if that fails.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ROOT } from './run-tests.mjs';

const SOURCES = join(ROOT, 'tools/deploy-check');

/** Where the program is, or will be. */
export function deployCheckPath() {
  const given = process.env['CORTEX_TEST_DEPLOY_CHECK'];
  if (given) return given;
  const digest = createHash('sha256');
  for (const name of readdirSync(SOURCES).sort()) digest.update(readFileSync(join(SOURCES, name)));
  const cache = process.env['CORTEX_CI_CACHE'] ?? join(ROOT, '.cache');
  return join(cache, `deploy-check-${digest.digest('hex').slice(0, 12)}`);
}

/** Builds the program unless it is there. @returns whether it is */
function build(path) {
  if (existsSync(path)) return true;
  mkdirSync(dirname(path), { recursive: true });
  // In place only when it is complete.
  const partial = `${path}.partial`;
  const args = ['build', '-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', partial, '.'];
  const { status, stderr, error } = spawnSync('go', args, { cwd: SOURCES, encoding: 'utf8' });
  if (status !== 0) console.error(error?.message ?? stderr);
  if (status === 0) renameSync(partial, path);
  return status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = deployCheckPath();
  if (build(path)) console.log(path);
  else console.error('tools/deploy-check could not be built with Go: its tests are skipped.');
}
