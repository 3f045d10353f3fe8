import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { backoff, type Child, spawnChild } from '@cortex/service';
import { type z } from 'zod';

import { CliError } from '../cli-error.ts';
import { causeOf } from './log-line.ts';

/** Interval between checks for the ready file. Start-up takes a few hundred milliseconds. */
const READY_POLL_MS = 20;
/** A daemon that is neither ready nor ended by then counts as hung. */
const READY_TIMEOUT_MS = 30_000;
/** Time from SIGTERM to SIGKILL: the daemons have a grace period of 2 s, and Ctrl-C must end everything within 3 s. */
const STOP_TIMEOUT_MS = 2600;
const RESTART_PAUSE = { firstMs: 250, maxMs: 10_000 };
/** A daemon that ran for this long was healthy: its next restart has the shortest pause. */
const HEALTHY_AFTER_MS = 30_000;

export interface DaemonLaunch {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type DaemonEvent =
  | { readonly kind: 'ended'; readonly cause: string; readonly retryMs: number }
  | { readonly kind: 'restarted' };

export interface DaemonOptions<Ready> {
  /** For messages: `neuron`. */
  readonly name: string;
  readonly readyFile: string;
  readonly ready: z.ZodType<Ready>;
  /** The command to run. `last` is what its previous start reported, so that it gets the same ports. */
  readonly launch: (last: Ready | undefined) => DaemonLaunch;
  readonly onLine: (line: string) => void;
  readonly onEvent: (event: DaemonEvent) => void;
}

/** A supervised daemon. */
export interface Daemon<Ready> {
  /**
   * The content of its first ready file.
   *
   * Rejects with a CliError that has the daemon's own one-line cause if the first start fails.
   */
  readonly started: Promise<Ready>;
  /** The content of the ready file of its last start; undefined before the first. */
  readonly ready: Ready | undefined;
  /** Why it is not running; undefined while it runs. */
  readonly failure: string | undefined;
  /** Ends it permanently: SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
  /** Ends it permanently with SIGKILL. */
  kill(): void;
}

/**
 * Starts a daemon, and restarts it whenever it ends after its first start.
 *
 * It can be stopped at any time, also before it listens.
 */
export function startDaemon<Ready>(options: DaemonOptions<Ready>): Daemon<Ready> {
  const stopping = new AbortController();
  let child: Child | undefined;
  let ready: Ready | undefined;
  let failure: string | undefined;
  const adopt = (started: Child): void => {
    child = started;
  };
  const started = startOnce(options, undefined, adopt).then((first) => {
    ready = first;
    return first;
  });
  // A failed first start is reported by `started`.
  const supervision = started.then(supervise, () => undefined);

  async function supervise(): Promise<void> {
    const pause = backoff(RESTART_PAUSE);
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      failure = (await child?.exited)?.text ?? '';
      if (performance.now() - startedMs > HEALTHY_AFTER_MS) pause.reset();
      for (;;) {
        const retryMs = pause.next();
        await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        if (stopping.signal.aborted) return;
        options.onEvent({ kind: 'ended', cause: failure, retryMs });
        try {
          ready = await startOnce(options, ready, adopt);
          failure = undefined;
          options.onEvent({ kind: 'restarted' });
          break;
        } catch (error) {
          failure = error instanceof Error ? error.message : String(error);
        }
      }
    }
  }

  return {
    started,
    get ready() {
      return ready;
    },
    get failure() {
      return failure;
    },
    async stop() {
      stopping.abort();
      const last = child;
      last?.kill('SIGTERM');
      const timer = setTimeout(() => last?.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await last?.exited;
      clearTimeout(timer);
      await supervision;
    },
    kill() {
      stopping.abort();
      child?.kill('SIGKILL');
    },
  };
}

/**
 * Starts the daemon once and waits for its ready file. `onChild` gets the process at once, so that it can be killed
 * meanwhile.
 */
async function startOnce<Ready>(
  { name, readyFile, ready, launch, onLine }: DaemonOptions<Ready>,
  last: Ready | undefined,
  onChild: (child: Child) => void,
): Promise<Ready> {
  rmSync(readyFile, { force: true });
  const causes: string[] = [];
  let isReady = false;
  const early: string[] = [];
  const child = spawnChild({
    ...launch(last),
    onLine(line) {
      // Before it is ready, an error is the cause of its end and is reported once.
      if (isReady) return onLine(line);
      early.push(line);
      const cause = causeOf(line);
      if (cause !== undefined) causes.push(cause);
      return undefined;
    },
  });
  onChild(child);
  const exited = child.exited.then(({ text }) => {
    throw new CliError(
      causes.length > 0
        ? causes.join('\n').replace(/^cortex: /, '')
        : `${name} ended while it was starting: ${text}`,
    );
  });
  exited.catch(() => undefined);
  const giveUpMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const written = await Promise.race([readReadyFile(readyFile), exited]);
    if (written !== undefined) {
      isReady = true;
      for (const line of early) onLine(line);
      return ready.parse(JSON.parse(written));
    }
    if (performance.now() > giveUpMs) {
      child.kill('SIGKILL');
      throw new CliError(`${name} did not start within ${READY_TIMEOUT_MS / 1000} s`);
    }
    await Promise.race([sleep(READY_POLL_MS), exited]);
  }
}

async function readReadyFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // Not there yet.
    return undefined;
  }
}
