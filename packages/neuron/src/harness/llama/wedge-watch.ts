import type { EngineConnection } from '@cortex/engine';

import type { AwakeClock } from '../../awake-clock.ts';

/** A first step includes kernel compilation and page faults. */
const FIRST_STEP_MS = 300_000;
/** A step counts as stuck when it takes this many times the longest step so far. */
const STEP_GROWTH = 20;

/** Excludes time in which this daemon did not run. */
export type WedgeClock = Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;

type Signs = Pick<EngineConnection, 'lastStats' | 'lastStepAtMs'>;

/**
 * Distinguishes a wedged engine from an idle one (behaviour 29).
 *
 * An engine is wedged if for the whole limit a slot had work and credit and no step completed. It is also wedged if
 * it has not sent its statistics, due every second, for the limit.
 */
export class WedgeWatch {
  readonly #wedgeMs: number;
  readonly #clock: WedgeClock;
  readonly #startedAtMs: number;
  #runnableSinceMs: number | undefined;

  constructor(options: { readonly wedgeMs: number; readonly clock: WedgeClock }) {
    this.#wedgeMs = options.wedgeMs;
    this.#clock = options.clock;
    this.#startedAtMs = options.clock.nowMs();
  }

  /** Checks the engine's latest statistics. Call it about every second. */
  observe({ lastStats }: Pick<EngineConnection, 'lastStats'>): void {
    if (lastStats === undefined || lastStats.stats.runnableSlots === 0) {
      this.#runnableSinceMs = undefined;
    } else {
      this.#runnableSinceMs ??= this.#clock.nowMs();
    }
  }

  /** Milliseconds without progress while there is work; 0 otherwise. */
  silenceMs(engine: Signs): number {
    return Math.max(this.#stuckMs(engine), this.#muteMs(engine));
  }

  /** Whether the time without progress exceeds the limit. */
  isWedged(engine: Signs): boolean {
    // The engine decodes beside its event loop. An engine that sends nothing is stuck in its own code, for example
    // in an endless template, so the longer limit for a first step does not apply.
    if (this.#muteMs(engine) >= this.#wedgeMs) return true;
    return this.#stuckMs(engine) >= this.limitMs(engine);
  }

  /** How long a slot with work may go without a step, from the steps so far. */
  limitMs({ lastStats, lastStepAtMs }: Signs): number {
    if (lastStepAtMs === undefined) return Math.max(this.#wedgeMs, FIRST_STEP_MS);
    return Math.max(this.#wedgeMs, STEP_GROWTH * (lastStats?.stats.longestStepMs ?? 0));
  }

  #stuckMs({ lastStepAtMs }: Signs): number {
    const since = this.#runnableSinceMs;
    return since === undefined ? 0 : this.#clock.elapsedMs(Math.max(since, lastStepAtMs ?? since));
  }

  /** Statistics are due every second; on a busy machine a few may be late. */
  #muteMs({ lastStats }: Signs): number {
    const mute = this.#clock.elapsedMs(lastStats?.atMs ?? this.#startedAtMs);
    return mute > 5000 ? mute : 0;
  }
}
