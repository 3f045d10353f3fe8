/** A server of another program as a child process: its port, its log, its readiness and its end. */
import { setTimeout as sleep } from 'node:timers/promises';

import { LogLines } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import { systemReason } from '@cortex/service';

import { freePort } from './free-port.ts';
import { killGroup } from './kill-group.ts';
import type { ProcessRecords } from './process-records.ts';
import type { ReadyProcess } from './supervised-process.ts';

/** Pause between two questions whether the server is ready. */
const READY_PAUSE_MS = 200;
/** A server that is busy loading may accept a connection and not answer. */
const ANSWER_MS = 5000;
/** From SIGTERM to SIGKILL. */
const TERM_MS = 5000;

export interface ServerOptions {
  /** The model, or the harness if several models share the server; for records, log and errors. */
  readonly name: string;
  /** Program and arguments for a port. */
  readonly command: (port: number) => readonly string[];
  /** The port that the command names by itself; absent: a free one is chosen. */
  readonly port?: number | undefined;
  /** Added to the environment of the daemon. */
  readonly env: Readonly<Record<string, string>>;
  /** Path that answers 200 once the server is ready. */
  readonly readyPath: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly records: ProcessRecords;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface ServerProcess extends ReadyProcess {
  readonly pid: number;
  /** Base URL on the loopback interface. */
  readonly url: string;
  /** Asks the server to end (SIGTERM), and kills it 5 s later. Resolves when it has ended. */
  terminate(): Promise<void>;
}

function spawn({
  command,
  env,
}: Pick<ServerOptions, 'env'> & { readonly command: readonly string[] }): Bun.Subprocess<
  'ignore',
  'pipe',
  'pipe'
> {
  const [program = ''] = command;
  try {
    return Bun.spawn([...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // What has our own programs find their parent and their part is not for others.
      env: { ...process.env, CORTEX_PARENT_FD: undefined, BUN_BE_BUN: undefined, ...env },
      // A process group of its own, so that workers of the server end with it and a Ctrl-C does not reach it.
      detached: true,
    });
  } catch (error) {
    throw new CortexError(
      'model_load_failed',
      `The program ${program} cannot be started: ${systemReason(error)}.`,
      { cause: error },
    );
  }
}

/** A question to a server that may not listen yet. */
export interface Question {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** The status of the answer; undefined if there is none within 5 s. */
async function statusOf(url: string, { headers, signal }: Question): Promise<number | undefined> {
  try {
    const limit = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(url, { headers, signal: AbortSignal.any([signal, limit]) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return undefined;
  }
}

/** Whether a server answers at all. */
export const isAnswering = async (url: string, question: Question): Promise<boolean> =>
  (await statusOf(url, question)) !== undefined;

/** Whether a server says that it is ready. */
export async function isReady(url: string, question: Question): Promise<boolean> {
  const status = await statusOf(url, question);
  return status !== undefined && status >= 200 && status < 300;
}

/**
 * Starts a server in a process group of its own and waits until it is ready.
 *
 * @throws CortexError `model_load_failed`: permanent if the program cannot be started, transient with its last line
 * if it ends before it is ready; the reason of `signal` when that aborts. No process is left behind.
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { name, readyPath, headers, records, onLog, signal } = options;
  signal.throwIfAborted();
  const port = options.port ?? (await freePort());
  const child = spawn({ command: options.command(port), env: options.env });
  const { pid } = child;
  records.add(pid, name);
  const log = new LogLines();
  log.listen(onLog);
  const logged = Promise.allSettled([log.read(child.stdout), log.read(child.stderr)]);
  let killedFor: string | undefined;
  const kill = (cause?: string): void => {
    killedFor ??= cause;
    killGroup(pid, 'SIGKILL');
  };

  async function mourn(): Promise<string> {
    await child.exited;
    // Workers may outlive the process that started them, and they keep the log open.
    killGroup(pid, 'SIGKILL');
    records.remove(pid);
    await Promise.race([logged, sleep(1000)]);
    const how =
      child.signalCode === null
        ? `it ended with exit code ${child.exitCode ?? 'unknown'}`
        : `it was ended by ${child.signalCode}`;
    const last = log.tail.findLast((line) => line.trim() !== '');
    return killedFor ?? (last === undefined ? how : `${how}; its last line: ${last}`);
  }
  const ended = mourn();
  const url = `http://127.0.0.1:${port}`;

  async function untilReady(over: AbortSignal): Promise<void> {
    while (!(await isReady(url + readyPath, { headers, signal: over }))) {
      await sleep(READY_PAUSE_MS, undefined, { signal: over });
    }
  }
  const over = new AbortController();
  try {
    await Promise.race([
      untilReady(AbortSignal.any([signal, over.signal])),
      ended.then((cause) => {
        throw new CortexError(
          'model_load_failed',
          `The server of ${name} did not get ready: ${cause}.`,
          { transient: true },
        );
      }),
    ]);
  } catch (error) {
    kill();
    await ended;
    signal.throwIfAborted();
    throw error;
  } finally {
    over.abort();
  }
  return {
    pid,
    url,
    ended,
    kill,
    async terminate() {
      killGroup(pid, 'SIGTERM');
      const timer = setTimeout(kill, TERM_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
