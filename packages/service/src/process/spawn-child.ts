import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { PARENT_FD_VARIABLE } from './parent-pipe.ts';

/** How long to wait for the output of an ended child: a process that it left running may hold the pipe open. */
const OUTPUT_GRACE_MS = 500;

/** How a child ended. */
export interface ChildExit {
  /** Its exit code, or 128 + the number of the signal that ended it. */
  readonly code: number;
  /** For messages: `exit code 1` or `SIGKILL`. */
  readonly text: string;
}

/** A child process that ends when its parent does. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended and its last line has been delivered. */
  readonly exited: Promise<ChildExit>;
  /** Sends a signal; has no effect once it has ended. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface ChildOptions {
  readonly command: readonly string[];
  /** The complete environment of the child; absent: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Receives each line that the child writes, without its line end. */
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
}

async function forwardLines(
  source: AsyncIterable<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let unfinished = '';
  for await (const chunk of source) {
    const lines = (unfinished + decoder.decode(chunk, { stream: true })).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) onLine(line.replace(/\r$/, ''));
  }
  if (unfinished !== '') onLine(unfinished);
}

/**
 * Starts a program with a pipe from this process (`CORTEX_PARENT_FD`), so that it ends when this process does, even
 * by SIGKILL.
 *
 * @throws Error if the program cannot be started.
 */
export function spawnChild({ command, env = process.env, cwd, onLine }: ChildOptions): Child {
  const child = Bun.spawn([...command], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...env, [PARENT_FD_VARIABLE]: '3' },
    ...(cwd !== undefined && { cwd }),
  });
  const output = Promise.all([
    forwardLines(child.stdout, (line) => onLine(line, 'stdout')),
    forwardLines(child.stderr, (line) => onLine(line, 'stderr')),
  ]);
  const exited = child.exited.then(async (code): Promise<ChildExit> => {
    // Nothing else closes the descriptor of this end of the pipe.
    const parentEnd = child.stdio[3];
    if (typeof parentEnd === 'number') closeSync(parentEnd);
    await Promise.race([output, sleep(OUTPUT_GRACE_MS, undefined, { ref: false })]);
    const { signalCode } = child;
    return { code, text: signalCode === null ? `exit code ${code}` : String(signalCode) };
  });
  return {
    pid: child.pid,
    exited,
    kill: (signal) => child.kill(signal),
  };
}
