/** Whether the engine can open the GPUs that the driver shows. */
import type { EngineDevice } from '@cortex/engine';
import type { Logger } from '@cortex/service';

import { type AskEngine, askWithin } from './ask-engine.ts';
import type { DeviceCheck } from './device-source.ts';
import { gpuRemedy } from './gpu-remedy.ts';

const FIRST_PAUSE_MS = 5000;
const MAX_PAUSE_MS = 300_000;

export interface EngineCheckOptions {
  readonly ask: AskEngine;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
  /** Timeout of one attempt. Default: 30 s. */
  readonly limitMs?: number | undefined;
  /** Text of `/etc/os-release`, for the command that installs a missing library. */
  readonly readOsRelease?: (() => Promise<string>) | undefined;
}

/** Result of the last attempt. A failure is valid until the next attempt. */
type Verdict =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'usable' }
  | { readonly kind: 'unusable'; readonly reason: string };

/**
 * Asks an engine process until it can open the GPU: again after 5 s, then with doubled pauses up to 5 min. So a
 * library that was installed meanwhile is found without a restart, and a driver that was slow once is asked again.
 */
export class EngineCheck implements DeviceCheck {
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

  /** Why the engine cannot use the GPUs; undefined if it can, or before the first attempt. */
  get reason(): string | undefined {
    return this.#verdict.kind === 'unusable' ? this.#verdict.reason : undefined;
  }

  /** Starts an attempt if one is due. Waits for nothing. */
  askIfDue(): void {
    if (this.#nowMs() - this.#endedMs >= this.#pauseMs) void this.ask();
  }

  /**
   * Starts an attempt, unless the GPU is known to work or the last attempt ended less than 5 s ago. Resolves when
   * the attempt has ended, after 30 s at the latest.
   */
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
    const { ask, limitMs, readOsRelease } = this.#options;
    try {
      return toVerdict(await askWithin(ask, CUDA, limitMs));
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      const remedy = gpuRemedy(cause, (await readOsRelease?.()) ?? '');
      return unusable(remedy === undefined ? cause : `${cause.replace(/\.$/, '')}. ${remedy}`);
    }
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? performance.now();
  }
}

/** The check opens every NVIDIA GPU that the daemon sees. */
const CUDA = { backend: 'cuda', env: {} } as const;

const unusable = (cause: string): Verdict => ({
  kind: 'unusable',
  reason: `The driver shows an NVIDIA GPU, but the engine cannot open it: ${cause}`,
});

const toVerdict = (devices: readonly EngineDevice[]): Verdict =>
  devices.some(({ backend }) => backend === 'cuda')
    ? { kind: 'usable' }
    : unusable('it was installed without CUDA. Run "npm install" without --omit=optional.');
