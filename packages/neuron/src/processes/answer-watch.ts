import type { AwakeClock } from '../awake-clock.ts';
import type { Stuck } from './supervised-process.ts';

/** Pause between two questions. */
const ASK_MS = 5000;

/**
 * Distinguishes a server that hangs from one that is busy (behaviour 29): a busy one still answers its health route,
 * with any status.
 */
export class AnswerWatch {
  readonly #ask: () => Promise<boolean>;
  readonly #clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
  readonly #wedgeMs: number;
  #askedMs: number;
  #answeredMs: number;
  #isAsking = false;

  constructor(options: {
    /** Whether the server answers now. */
    readonly ask: () => Promise<boolean>;
    /** Excludes time in which this daemon did not run. */
    readonly clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
    readonly wedgeMs: number;
  }) {
    this.#ask = options.ask;
    this.#clock = options.clock;
    this.#wedgeMs = options.wedgeMs;
    this.#answeredMs = options.clock.nowMs();
    this.#askedMs = this.#answeredMs;
  }

  /** Whether it has answered lately. */
  get isAnswering(): boolean {
    return this.#silenceMs < Math.min(this.#wedgeMs, 2 * ASK_MS + 1000);
  }

  /** Call it about every second. */
  check(): Stuck | undefined {
    if (!this.#isAsking && this.#clock.nowMs() - this.#askedMs >= ASK_MS) void this.#askNow();
    const silenceMs = this.#silenceMs;
    if (silenceMs < this.#wedgeMs) return undefined;
    const seconds = Math.round(silenceMs / 1000);
    return { silenceMs, cause: `it did not answer for ${seconds} s (engine.wedge_s)` };
  }

  get #silenceMs(): number {
    const silenceMs = this.#clock.elapsedMs(this.#answeredMs);
    return silenceMs > 2 * ASK_MS ? silenceMs : 0;
  }

  async #askNow(): Promise<void> {
    this.#isAsking = true;
    this.#askedMs = this.#clock.nowMs();
    if (await this.#ask()) this.#answeredMs = this.#clock.nowMs();
    this.#isAsking = false;
  }
}
