import { type CortexError } from '@cortex/protocol';
import { type Clock } from '@cortex/service';

/** A request that is being answered. */
export interface OpenExchange {
  /** Ends it early: the client gets `reason`, as status or as event. */
  abortAttempt(reason: CortexError): void;
  /** Gives up a node that stopped answering before the answer came. */
  checkNode(nowMs: number): void;
}

/** The requests that are being answered now, so that a shutdown can wait for them. */
export class OpenExchanges {
  readonly #open = new Set<OpenExchange>();
  readonly #clock: Clock;
  #onIdle: (() => void) | undefined;
  #isClosing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** New requests are refused. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  add(exchange: OpenExchange): void {
    this.#open.add(exchange);
  }

  /** Looks after the nodes of all open exchanges; called about every second. */
  checkNodes(nowMs: number): void {
    for (const exchange of this.#open) exchange.checkNode(nowMs);
  }

  delete(exchange: OpenExchange): void {
    if (this.#open.delete(exchange) && this.#open.size === 0) this.#onIdle?.();
  }

  /**
   * Refuses new requests and waits for the open ones, at most `graceMs`; then ends those that are left with
   * `reason`.
   */
  async close(graceMs: number, reason: CortexError): Promise<void> {
    this.#isClosing = true;
    if (this.#open.size > 0 && graceMs > 0) await this.#idleWithin(graceMs);
    for (const exchange of this.#open) exchange.abortAttempt(reason);
    if (this.#open.size > 0) await this.#idleWithin(LAST_WORDS_MS);
  }

  #idleWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.setTimer(ms, resolve);
      this.#onIdle = () => {
        cancelTimer();
        resolve();
      };
    });
  }
}

/** What an aborted request gets to write its error. */
const LAST_WORDS_MS = 500;
