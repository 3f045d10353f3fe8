/** Whether the engine can open the GPUs that the driver shows. */
import type { EngineDevice } from '@cortex/engine';
import type { Logger } from '@cortex/service';

/** An engine opens a GPU within two seconds; a driver that hangs does not answer at all. */
const LIMIT_MS = 30_000;
const FIRST_PAUSE_MS = 5000;
const MAX_PAUSE_MS = 300_000;

export interface EngineCheckOptions {
  /** Asks an engine which devices it sees; ends it when `signal` aborts. */
  readonly probe: (signal: AbortSignal) => Promise<readonly EngineDevice[]>;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
  /** How long one attempt may take; 30 s when absent. */
  readonly limitMs?: number | undefined;
}

/** What the last attempt showed. A failure holds until the next attempt, never longer. */
type Verdict =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'usable' }
  | { readonly kind: 'unusable'; readonly reason: string };

/**
 * Asks an engine process until it can open the GPU: after 5 s again, then after twice as long each time, up to 5 min.
 * A library that is installed meanwhile is found without a restart; a driver that was slow once is asked once more.
 */
export class EngineCheck {
  readonly #options: EngineCheckOptions;
  #verdict: Verdict = { kind: 'unknown' };
  #attempt: Promise<void> | undefined;
  #endedMs = -Infinity;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: EngineCheckOptions) {
    this.#options = options;
  }

  get isUsable(): boolean {
    return this.#verdict.kind === 'usable';
  }

  /** Why the engine cannot use them, as far as is known; undefined while it can, or nobody has asked yet. */
  get reason(): string | undefined {
    return this.#verdict.kind === 'unusable' ? this.#verdict.reason : undefined;
  }

  /** Asks where that is due. Waits for nothing. */
  askIfDue(): void {
    if (this.#nowMs() - this.#endedMs >= this.#pauseMs) void this.ask();
  }

  /** Asks, unless it is known to work or the last attempt ended less than 5 s ago. Resolves when the attempt has ended, after 30 s at the latest. */
  ask(): Promise<void> {
    if (this.isUsable || this.#attempt) return this.#attempt ?? Promise.resolve();
    if (this.#nowMs() - this.#endedMs < FIRST_PAUSE_MS) return Promise.resolve();
    this.#attempt = this.#look().finally(() => {
      this.#attempt = undefined;
      this.#endedMs = this.#nowMs();
    });
    return this.#attempt;
  }

  async #look(): Promise<void> {
    const isFirst = this.#verdict.kind === 'unknown';
    this.#verdict = await this.#verdictOf();
    if (this.#verdict.kind === 'usable') {
      if (!isFirst) this.#options.log.info('the engine can open the GPU now');
      return;
    }
    if (!isFirst) this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs * 2);
  }

  async #verdictOf(): Promise<Verdict> {
    const { probe, limitMs = LIMIT_MS } = this.#options;
    const limit = new AbortController();
    const late = Promise.withResolvers<Verdict>();
    const timer = setTimeout(() => {
      late.resolve(unusable(`it did not answer within ${limitMs / 1000} s; the driver may hang`));
      limit.abort(new Error('the check of the GPU took too long'));
    }, limitMs);
    try {
      return await Promise.race([probe(limit.signal).then(toVerdict), late.promise]);
    } catch (error) {
      return unusable(error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? performance.now();
  }
}

const unusable = (cause: string): Verdict => ({
  kind: 'unusable',
  reason: `The driver shows an NVIDIA GPU, but the engine cannot open it: ${cause}`,
});

const toVerdict = (devices: readonly EngineDevice[]): Verdict =>
  devices.some(({ backend }) => backend === 'cuda')
    ? { kind: 'usable' }
    : unusable('it was installed without CUDA. Run "npm install" without --omit=optional.');
