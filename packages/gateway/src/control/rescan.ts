import type { Clock } from '@cortex/service';

/**
 * The shortest time between the starts of two scans.
 *
 * Therefore requests for unknown names cost the nodes at most two scans per second.
 */
const SPACING_MS = 500;

interface RescanDeps {
  readonly clock: Clock;
  /** Names of the nodes that are up. */
  readonly nodes: () => readonly string[];
  /** Lets one node scan its models folders, then polls it. Never rejects. */
  readonly scan: (node: string, signal: AbortSignal) => Promise<void>;
}

/** Lets the nodes scan for new model files when a request names an unknown model. */
export class Rescan {
  readonly #deps: RescanDeps;
  readonly #closed = new AbortController();
  #startedMs = -Infinity;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(deps: RescanDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when every node that answers has completed a scan that started after this call, or when `signal`
   * aborts.
   */
  async request(signal: AbortSignal): Promise<void> {
    // A running scan may have passed the folder already: one more follows it, shared by all callers.
    this.#next ??= this.#begin();
    const aborted = Promise.withResolvers<void>();
    const onAbort = (): void => aborted.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([this.#next, aborted.promise]);
    signal.removeEventListener('abort', onAbort);
  }

  close(): void {
    this.#closed.abort(new Error('cortex is shutting down'));
  }

  async #begin(): Promise<void> {
    const { clock, nodes, scan } = this.#deps;
    await this.#running;
    const pauseMs = this.#startedMs + SPACING_MS - clock.nowMs();
    if (pauseMs > 0) await this.#pause(pauseMs);
    const { signal } = this.#closed;
    if (signal.aborted) return;
    this.#next = undefined;
    this.#startedMs = clock.nowMs();
    this.#running = Promise.all(nodes().map((node) => scan(node, signal))).then(() => undefined);
    await this.#running;
  }

  #pause(pauseMs: number): Promise<void> {
    const { signal } = this.#closed;
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.setTimer(pauseMs, resolve);
    const onClose = (): void => resolve();
    signal.addEventListener('abort', onClose, { once: true });
    return promise.finally(() => {
      cancel();
      signal.removeEventListener('abort', onClose);
    });
  }
}
