import { type Logger } from '../log.ts';

/** A second signal is ignored within this time: npm delivers one Ctrl-C twice, milliseconds apart. */
const SECOND_SIGNAL_MS = 1000;
/** How long `drain` may exceed its grace period before the process exits anyway. */
const OVERTIME_MS = 3000;

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;
type EndSignal = keyof typeof SIGNAL_NUMBERS;

/** The shutdown of a daemon. */
export interface Shutdown {
  /** Aborted when the shutdown begins. */
  readonly signal: AbortSignal;
  /** Begins the shutdown as SIGTERM does; later calls have no effect. */
  begin(reason: string): void;
  /** Removes the handlers; for tests. */
  dispose(): void;
}

export interface ShutdownOptions {
  /** Grace period for running requests, as it is when the shutdown begins. */
  readonly graceMs: () => number;
  readonly log: Logger;
  /** Stops the daemon within about `graceMs`. */
  readonly drain: (graceMs: number) => Promise<void>;
  readonly exit?: (code: number) => void;
  readonly nowMs?: () => number;
}

/**
 * Handles SIGTERM and SIGINT: the first signal drains and exits with 0; a second one at least a second later exits
 * at once (128 + its number). An unhandled error is logged and ends the process with 1 (behaviours 47 and 49).
 */
export function installShutdown(options: ShutdownOptions): Shutdown {
  const { log, drain } = options;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const nowMs = options.nowMs ?? (() => performance.now());
  const controller = new AbortController();
  let begunMs: number | undefined;

  async function end(graceMs: number): Promise<void> {
    const overtime = setTimeout(() => {
      log.error({ graceMs }, 'shutdown took too long: exiting now');
      exit(1);
    }, graceMs + OVERTIME_MS);
    try {
      await drain(graceMs);
      log.info('ended');
      exit(0);
    } catch (error) {
      log.error({ err: error }, 'shutdown failed');
      exit(1);
    } finally {
      clearTimeout(overtime);
    }
  }

  function begin(reason: string): void {
    if (begunMs !== undefined) return;
    begunMs = nowMs();
    const graceMs = options.graceMs();
    log.info({ reason, graceMs }, 'shutting down');
    controller.abort(new Error(reason));
    void end(graceMs);
  }

  function onSignal(signal: EndSignal): void {
    if (begunMs === undefined) return begin(signal);
    if (nowMs() - begunMs < SECOND_SIGNAL_MS) return undefined;
    log.warn({ signal }, 'second signal: exiting now');
    return exit(128 + SIGNAL_NUMBERS[signal]);
  }

  function onFatal(error: unknown): void {
    log.fatal({ err: error }, 'unhandled error');
    exit(1);
  }

  const onInt = (): void => onSignal('SIGINT');
  const onTerm = (): void => onSignal('SIGTERM');
  process.on('SIGINT', onInt);
  process.on('SIGTERM', onTerm);
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  return {
    signal: controller.signal,
    begin,
    dispose() {
      process.off('SIGINT', onInt);
      process.off('SIGTERM', onTerm);
      process.off('uncaughtException', onFatal);
      process.off('unhandledRejection', onFatal);
    },
  };
}
