// Starts a TypeScript entry under Bun. Plain JavaScript for Node 20: it runs before anything of ours does.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MINIMUM_BUN = [1, 4, 5];
const FETCH_LIMIT = '65336';

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

/** Whether `command` runs and is a Bun that is recent enough. */
function isUsable(command) {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 && isRecentEnough(stdout);
}

/** npm's install script puts the binary into `bun/bin`; where scripts do not run it stays in the platform's package. */
function* candidates() {
  const exe = process.platform === 'win32' ? 'bun.exe' : 'bun';
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
  const installed = packageFolder('bun');
  if (installed !== undefined) yield join(installed, 'bin', 'bun.exe');
  for (const suffix of ['', '-baseline', '-musl', '-musl-baseline']) {
    const folder = packageFolder(`@oven/bun-${process.platform}-${arch}${suffix}`);
    if (folder !== undefined) yield join(folder, 'bin', exe);
  }
}

/** Path of the Bun to use. @throws Error saying what to do when there is none */
export function findBun() {
  for (const path of candidates()) if (existsSync(path) && isUsable(path)) return path;
  if (isUsable('bun')) return 'bun';
  throw new Error(
    `Bun ${MINIMUM_BUN.join('.')} or newer was not found: run "npm install" again with optional dependencies, or put bun on the PATH (https://bun.com).`,
  );
}

/** Calls `onEnd` when the pipe in CORTEX_PARENT_FD closes; undefined without one. */
async function watchParent(onEnd) {
  const fd = process.env.CORTEX_PARENT_FD;
  if (fd === undefined) return;
  const { Socket } = await import('node:net');
  const pipe = new Socket({ fd: Number(fd), readable: true, writable: false });
  pipe.on('close', onEnd);
  pipe.on('error', () => undefined);
  pipe.resume();
  pipe.unref();
}

/**
 * Runs `entry` under Bun with our standard streams and ends with its exit code (128 + n for a signal).
 *
 * Ctrl-C reaches the child from the terminal, SIGTERM is passed on; the launcher itself only waits. The child holds
 * a pipe from the launcher and so ends with it, even if the launcher is killed.
 *
 * @param {{ entry: URL, args: readonly string[] }} options
 */
export async function launch({ entry, args }) {
  let bun;
  try {
    bun = findBun();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  const child = spawn(bun, [fileURLToPath(entry), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: FETCH_LIMIT, CORTEX_PARENT_FD: '3' },
  });
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  void watchParent(() => child.stdio[3]?.destroy());
  child.on('error', (error) => {
    process.stderr.write(`${bun} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}
