import { type Clock } from '@cortex/service';

/** Accuracy of a deadline. Commits, keep-alives and idle limits are seconds long. */
const SWEEP_MS = 250;
/**
 * A sweep that is later than this means that the process did not run: it was stopped, or the machine was suspended.
 * Deadlines that fell due meanwhile get this time once more, because what has arrived is still to be read.
 */
const PAUSE_MS = 10_000;

/** A timeout that is moved by writing `dueMs`; costs nothing until it is due. */
export interface Deadline {
  /** Monotonic milliseconds. */
  dueMs: number;
  /** Called once when due. The deadline is then removed, unless `run` sets a new one. */
  run: () => void;
  cancel(): void;
}

/**
 * All deadlines of the proxy, swept by the ticker of the process (behaviour 4a): a stream moves its deadline with
 * every chunk by a plain write, and no timer is made or cleared.
 */
export class Deadlines {
  readonly #pending = new Set<Deadline>();
  readonly #clock: Clock;
  #stop: (() => void) | undefined;
  #sweptMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic milliseconds. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Calls `run` about `inMs` from now, to 250 ms, unless cancelled or moved. */
  set(inMs: number, run: () => void): Deadline {
    const pending = this.#pending;
    const deadline: Deadline = {
      dueMs: this.#clock.nowMs() + inMs,
      run,
      cancel: () => {
        pending.delete(deadline);
      },
    };
    pending.add(deadline);
    this.#stop ??= this.#start();
    return deadline;
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#pending.clear();
  }

  #start(): () => void {
    this.#sweptMs = this.#clock.nowMs();
    return this.#clock.every(SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    const hasPaused = nowMs - this.#sweptMs > PAUSE_MS;
    this.#sweptMs = nowMs;
    for (const deadline of this.#pending) {
      if (deadline.dueMs > nowMs) continue;
      if (hasPaused) {
        deadline.dueMs = nowMs + PAUSE_MS;
        continue;
      }
      this.#pending.delete(deadline);
      deadline.run();
    }
  }
}
