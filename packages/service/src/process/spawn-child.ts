import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

import { PARENT_FD_VARIABLE } from './parent-pipe.ts';

/** How a child ended: exit code, or 128 + the signal's number. */
export interface ChildExit {
  readonly code: number;
  /** In words: `exit code 1` or `SIGKILL`. */
  readonly text: string;
}

/** A daemon run by `cortex up`. It ends when its parent does. */
export interface Child {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  /** Sends a signal; nothing happens when it has ended. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface ChildOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Each line the child writes, without its end. */
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
}

async function forwardLines(
  source: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = createInterface({ input: Readable.from(source), crlfDelay: Infinity });
  for await (const line of lines) onLine(line);
}

/** Starts a program that holds a pipe from us, so that it ends when we do, even by SIGKILL. */
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
    await output;
    return {
      code,
      text: child.signalCode === null ? `exit code ${code}` : String(child.signalCode),
    };
  });
  return {
    pid: child.pid,
    exited,
    kill: (signal) => child.kill(signal),
  };
}
