/**
 * Makes what a build without a network needs: `node tools/make-sources.mjs DIR [REVISION]` writes
 *
 *   cortex-VERSION.tar.gz    the sources of the revision (default: HEAD)
 *   cortex-VERSION-npm.tar   npm's cache with every package that a build for x86-64 or arm64 installs
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Each has its own runtime; npm puts only that of this machine into its cache. */
const RUNTIMES = ['@oven/bun-linux-x64', '@oven/bun-linux-aarch64'];

const [dir, revision = 'HEAD'] = process.argv.slice(2);
if (dir === undefined) {
  console.error('usage: node tools/make-sources.mjs DIR [REVISION]');
  process.exit(2);
}

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
const readAt = (path) =>
  JSON.parse(
    execFileSync('git', ['show', `${revision}:${path}`], { cwd: ROOT, maxBuffer: 1 << 28 }),
  );

const { version } = readAt('package.json');
const { packages } = readAt('package-lock.json');
const out = resolve(dir);
mkdirSync(out, { recursive: true });
const name = `cortex-${version}`;
const sources = join(out, `${name}.tar.gz`);
run('git', ['archive', `--prefix=${name}/`, '-o', sources, revision], ROOT);

const work = mkdtempSync(join(tmpdir(), 'cortex-sources-'));
try {
  run('tar', ['-xzf', sources, '-C', work], ROOT);
  const cache = join(work, 'npm-cache');
  const options = ['--cache', cache, '--no-audit', '--no-fund'];
  run('npm', ['ci', '--omit=dev', '--ignore-scripts', ...options], join(work, name));
  for (const runtime of RUNTIMES) {
    const { version: locked } = packages[`node_modules/${runtime}`];
    run('npm', ['cache', 'add', `${runtime}@${locked}`, '--cache', cache], work);
  }
  for (const rest of ['_logs', '_update-notifier-last-checked'])
    rmSync(join(cache, rest), { recursive: true, force: true });
  const order = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0'];
  run('tar', [...order, '-cf', join(out, `${name}-npm.tar`), 'npm-cache'], work);
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${sources}\n${join(out, `${name}-npm.tar`)}`);
