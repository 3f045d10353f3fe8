import type { EngineConnection } from '@cortex/engine';

import type { AwakeClock } from '../../awake-clock.ts';

/** A first step pays for kernel compilation and cold pages. */
const FIRST_STEP_MS = 300_000;
/** A step may take so many times the longest one seen before it counts as stuck. */
const STEP_GROWTH = 20;

/** Time in which this daemon did not run is no silence of the engine. */
export type WedgeClock = Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;

type Signs = Pick<EngineConnection, 'lastStats' | 'lastStepAtMs'>;

/**
 * Tells a stuck engine from one that has nothing to do (behaviour 29).
 *
 * Wedged: for the whole limit there was a slot that had work and credit, and no step came. Also wedged: it should
 * have sent its figures each second and has sent nothing for the limit.
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

  /** Looks at the engine's last figures; call about every second. */
  observe({ lastStats }: Pick<EngineConnection, 'lastStats'>): void {
    if (lastStats === undefined || lastStats.stats.runnableSlots === 0) {
      this.#runnableSinceMs = undefined;
    } else {
      this.#runnableSinceMs ??= this.#clock.nowMs();
    }
  }

  /** Milliseconds without a sign of life although there is work; 0 when all is well. */
  silenceMs(engine: Signs): number {
    return Math.max(this.#stuckMs(engine), this.#muteMs(engine));
  }

  /** Whether the silence is longer than anything this engine does. */
  isWedged(engine: Signs): boolean {
    // It decodes beside its event loop: one that says nothing at all is caught in its own code, in a template without
    // end for instance, and no first step excuses that.
    if (this.#muteMs(engine) >= this.#wedgeMs) return true;
    return this.#stuckMs(engine) >= this.limitMs(engine);
  }

  /** How long a slot with work may go without a step, by what the engine has shown so far. */
  limitMs({ lastStats, lastStepAtMs }: Signs): number {
    if (lastStepAtMs === undefined) return Math.max(this.#wedgeMs, FIRST_STEP_MS);
    return Math.max(this.#wedgeMs, STEP_GROWTH * (lastStats?.stats.longestStepMs ?? 0));
  }

  #stuckMs({ lastStepAtMs }: Signs): number {
    const since = this.#runnableSinceMs;
    return since === undefined ? 0 : this.#clock.elapsedMs(Math.max(since, lastStepAtMs ?? since));
  }

  /** Figures are due each second: a few late ones are a busy machine. */
  #muteMs({ lastStats }: Signs): number {
    const mute = this.#clock.elapsedMs(lastStats?.atMs ?? this.#startedAtMs);
    return mute > 5000 ? mute : 0;
  }
}
