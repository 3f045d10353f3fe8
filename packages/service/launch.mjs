/**
 * Starts a TypeScript entry under Bun from a program that runs under Node 20 or later: the part of `launch.sh` that
 * needs no shell. The commands `cortex` and `neuron` are shell scripts and do without this.
 */
import { spawn, spawnSync } from 'node:child_process';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const SHELL = '/bin/sh';
const LAUNCHER = fileURLToPath(new URL('launch.sh', import.meta.url));
/** Bun reads it once, at its start; see `assertFetchLimit`. */
const FETCH_LIMIT = 65_336;

/** The path of the Bun to use. @throws Error that says what to do when there is none */
export function findBun() {
  const { status, stdout, stderr, error } = spawnSync(SHELL, [LAUNCHER, '--find-bun'], {
    encoding: 'utf8',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(stderr.trim());
  return stdout.trim();
}

/** Calls `onEnd` when the pipe that our own parent holds closes, if it gave us one. */
function watchParent(onEnd) {
  const fd = process.env.CORTEX_PARENT_FD;
  if (fd === undefined) return;
  const pipe = new Socket({ fd: Number(fd) });
  pipe.on('error', () => undefined);
  pipe.on('close', onEnd);
  pipe.resume();
  pipe.unref();
}

function runChild(args) {
  const child = spawn(SHELL, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, CORTEX_PARENT_FD: '3' },
  });
  const parentPipe = child.stdio[3];
  // It breaks when the child ends first, which `exit` tells.
  parentPipe.on('error', () => undefined);
  watchParent(() => parentPipe.destroy());
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  process.on('SIGINT', () => {
    // A terminal sends Ctrl-C to the whole group, the child included.
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  child.on('error', (error) => {
    process.stderr.write(`${SHELL} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

/**
 * Runs the module `entry` under Bun with our standard streams, and ends with its exit code (128 + n for a signal).
 *
 * Under Bun with the limit raised the module is imported. Where a process can replace itself (Bun, Node 22.15 and
 * later) nothing of this one stays. Else it waits, passes signals on, and the child ends with it.
 *
 * @param {{ entry: URL, args: readonly string[] }} options
 */
export async function launch({ entry, args }) {
  const path = fileURLToPath(entry);
  if (
    process.versions.bun !== undefined &&
    Number(process.env.BUN_CONFIG_MAX_HTTP_REQUESTS) >= FETCH_LIMIT
  ) {
    process.argv = [process.execPath, path, ...args];
    await import(entry.href);
    return;
  }
  const command = [LAUNCHER, path, ...args];
  if (typeof process.execve === 'function') process.execve(SHELL, [SHELL, ...command], process.env);
  else runChild(command);
}
