import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The sources of llama.cpp that node-llama-cpp is built from, from the git bundle inside the package, without
 * network access.
 *
 * Checked out once per version of the package, into `node_modules/.cache`.
 */
export function llamaSources(): string {
  const library = dirname(dirname(fileURLToPath(import.meta.resolve('node-llama-cpp'))));
  const { version } = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8'));
  const cache = join(dirname(library), '.cache');
  const folder = join(cache, `llama.cpp-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  // Cloned into a temporary folder and moved, so that other processes never see a partial checkout.
  const partial = mkdtempSync(`${folder}-`);
  const bundle = join(library, 'llama/gitRelease.bundle');
  const { status, stderr } = spawnSync('git', ['clone', '-q', bundle, partial], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    rmSync(partial, { recursive: true });
    throw new Error(`cannot check out ${bundle}: ${stderr}`);
  }
  try {
    renameSync(partial, folder);
  } catch {
    // Another process was faster.
    rmSync(partial, { recursive: true });
  }
  return folder;
}
