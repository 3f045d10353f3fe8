/**
 * Starts a TypeScript entry under Bun.
 *
 * Plain JavaScript for Node 20, because it runs before Bun is found.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { constants, devNull } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MINIMUM_BUN = [1, 4, 5];
/** Bun reads it once, at its start; see `assertFetchLimit`. */
const FETCH_LIMIT = 65_336;

/**
 * The folder that a user stands in is none of ours: Bun would read its `.env`, run what its `bunfig.toml` preloads,
 * and install what it believes missing.
 */
const BUN_FLAGS = ['--no-env-file', `--config=${devNull}`, '--no-install'];

/** The folder of an installed package seen from here, undefined if it is not installed. */
function packageFolder(name) {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function isRecentEnough(version) {
  const numbers = version.trim().split(/[.-]/).map(Number);
  for (const [index, least] of MINIMUM_BUN.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== least) return number > least;
  }
  return true;
}

/** Whether `command` runs and is a Bun that is recent enough. What lies there may be npm's placeholder. */
function isUsable(command) {
  const { status, stdout } = spawnSync(command, ['--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 && isRecentEnough(stdout);
}

/** npm's install script puts the binary into `bun/bin`; where scripts do not run it stays in the platform's package. */
function* installedBinaries() {
  const installed = packageFolder('bun');
  if (installed !== undefined) yield join(installed, 'bin', 'bun.exe');
  const exe = process.platform === 'win32' ? 'bun.exe' : 'bun';
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
  for (const variant of ['', '-baseline', '-musl', '-musl-baseline']) {
    const folder = packageFolder(`@oven/bun-${process.platform}-${arch}${variant}`);
    if (folder !== undefined) yield join(folder, 'bin', exe);
  }
}

/** The Bun to use: path or name. @throws Error that says what to do when there is none */
export function findBun() {
  for (const path of installedBinaries()) if (existsSync(path) && isUsable(path)) return path;
  if (isUsable('bun')) return 'bun';
  throw new Error(
    `Bun ${MINIMUM_BUN.join('.')} or newer was not found: run "npm install" again with optional dependencies, or put bun on the PATH (https://bun.com).`,
  );
}

/** Whether this process is already what a launcher would start. */
const isReady = () =>
  process.versions.bun !== undefined &&
  isRecentEnough(process.versions.bun) &&
  Number(process.env.BUN_CONFIG_MAX_HTTP_REQUESTS) >= FETCH_LIMIT;

/** Calls `onEnd` when the pipe that our own parent holds closes, if it gave us one. */
function watchParent(onEnd) {
  const fd = process.env.CORTEX_PARENT_FD;
  if (fd === undefined) return;
  if (process.versions.bun !== undefined) {
    // Its node:net does not tell the end of a given descriptor.
    const socket = { data: () => undefined, end: onEnd, close: onEnd, error: onEnd };
    globalThis.Bun.connect({ fd: Number(fd), socket }).then((pipe) => pipe.unref(), onEnd);
    return;
  }
  const pipe = new Socket({ fd: Number(fd) });
  pipe.on('error', () => undefined);
  pipe.on('close', onEnd);
  pipe.resume();
  pipe.unref();
}

function runChild(bun, path, args) {
  const child = spawn(bun, [...BUN_FLAGS, path, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: {
      ...process.env,
      BUN_CONFIG_MAX_HTTP_REQUESTS: String(FETCH_LIMIT),
      CORTEX_PARENT_FD: '3',
    },
  });
  const parentPipe = child.stdio[3];
  // It breaks when the child ends first, which `exit` tells.
  parentPipe.on('error', () => undefined);
  watchParent(() => parentPipe.destroy());
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => {
    // A terminal sends Ctrl-C to the whole group, the child included.
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  child.on('error', (error) => {
    process.stderr.write(`${bun} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

/**
 * Runs the module `entry` under Bun with our standard streams, and ends with its exit code (128 + n for a signal).
 *
 * The launcher only waits: signals reach the child from the terminal or through it. The child holds a pipe from the
 * launcher, so that it can end when the launcher is killed. Where this is Bun already, the module is imported.
 *
 * @param {{ entry: URL, args: readonly string[] }} options
 */
export async function launch({ entry, args }) {
  const path = fileURLToPath(entry);
  if (isReady()) {
    process.argv = [process.execPath, path, ...args];
    await import(entry.href);
    return;
  }
  let bun;
  try {
    bun = findBun();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  runChild(bun, path, args);
}
