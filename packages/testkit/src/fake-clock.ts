interface Timer {
  readonly delayMs: number;
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock that moves only by `advance`. Timers run inside `advance`, in the order in which they are due. */
export class FakeClock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();
  readonly #onSet = new Set<() => void>();

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const timer = { delayMs, dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    for (const check of this.#onSet) check();
    return () => {
      this.#timers.delete(timer);
    };
  }

  every(everyMs: number, run: () => void): () => void {
    let cancel = (): void => undefined;
    const repeat = (): void => {
      cancel = this.setTimer(everyMs, () => {
        repeat();
        run();
      });
    };
    repeat();
    return () => cancel();
  }

  /** Timers that are neither run nor cancelled. A test expects 0 at its end. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Resolves when `count` timers of exactly this delay are pending, so that the code under test waits for them. */
  whenSet(delayMs: number, count = 1): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        const pending = [...this.#timers].filter((timer) => timer.delayMs === delayMs).length;
        if (pending < count) return;
        this.#onSet.delete(check);
        resolve();
      };
      this.#onSet.add(check);
      check();
    });
  }

  /** Moves the time forward and runs all timers that become due, including timers that they set. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (!next || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}
