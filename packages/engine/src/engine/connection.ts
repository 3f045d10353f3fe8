import type { Engine } from './engine.ts';
import type { EngineStats } from './stats.ts';

/** An engine behind the engine protocol, in this process or another one. */
export interface EngineConnection extends Engine {
  /** Resolves, with a human-readable reason, when the engine has ended for any reason. Never rejects. */
  readonly ended: Promise<string>;
  /** The last `stats` that the engine sent (every second), and when, on the monotonic clock. */
  readonly lastStats: { readonly atMs: number; readonly stats: EngineStats } | undefined;
  /** When the last known step ended, on the monotonic clock; absent before the first. */
  readonly lastStepAtMs: number | undefined;
}

/** A running engine process as its owner sees it: an `Engine` plus the lifecycle of the process. */
export interface EngineProcess extends EngineConnection {
  readonly pid: number;
  /** Ends it now (SIGKILL); `cause` is the reason that `ended` gives. */
  kill(cause?: string): void;
  /**
   * Called with each line that the process writes to stdout or stderr from now on, and with the notes of the
   * transport.
   */
  onLog(listener: (line: string) => void): void;
  /** The last lines, oldest first, at most 500. */
  readonly logTail: readonly string[];
}
