/**
 * Where the program and the library of the engine are: in the folder `engine` beside a compiled program, which cannot
 * hold native libraries itself, else among the sources.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder `engine` beside this program; undefined if this program is not compiled. */
export const ENGINE_FOLDER: string | undefined =
  // The engine may run under Node, which has no such member.
  globalThis.Bun?.isStandaloneExecutable ? join(dirname(process.execPath), 'engine') : undefined;

/** The llama engine's program. */
export const ENGINE_WORKER_PATH: string =
  ENGINE_FOLDER === undefined
    ? fileURLToPath(new URL('./llama/worker.ts', import.meta.url))
    : join(ENGINE_FOLDER, 'worker.js');

/** Keeps Bun from reading `.env` and `bunfig.toml` in the working directory, as our launcher does. */
const BUN_FLAGS = ['--no-env-file', '--config=/dev/null', '--no-install'];

/**
 * Program and arguments that run the llama engine under the runtime of this program, with `ENGINE_ENV_OF_RUNTIME` in
 * its environment.
 */
export const ENGINE_COMMAND: readonly [string, ...string[]] = [
  process.execPath,
  ...(ENGINE_FOLDER === undefined ? process.execArgv : BUN_FLAGS),
  ENGINE_WORKER_PATH,
];

/** Has a compiled program run a script as Bun does, instead of the program that it holds. */
export const ENGINE_ENV_OF_RUNTIME: Readonly<Record<string, string>> =
  ENGINE_FOLDER === undefined ? {} : { BUN_BE_BUN: '1' };
