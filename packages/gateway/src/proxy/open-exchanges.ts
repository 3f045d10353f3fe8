import { type CortexError } from '@cortex/protocol';
import { type Clock } from '@cortex/service';

/** A request that is being answered. */
export interface OpenExchange {
  /** Ends it early: the client gets `reason` as status or as error event. */
  abortAttempt(reason: CortexError): void;
  /** Aborts the attempt if its node stopped answering. */
  checkNode(nowMs: number): void;
}

/** The running requests, so that a shutdown can wait for them. */
export class OpenExchanges {
  readonly #open = new Set<OpenExchange>();
  readonly #clock: Clock;
  #onIdle: (() => void) | undefined;
  #isClosing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether new requests are refused. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  add(exchange: OpenExchange): void {
    this.#open.add(exchange);
  }

  /** Checks the nodes of all open exchanges; called about every second. */
  checkNodes(nowMs: number): void {
    for (const exchange of this.#open) exchange.checkNode(nowMs);
  }

  delete(exchange: OpenExchange): void {
    if (this.#open.delete(exchange) && this.#open.size === 0) this.#onIdle?.();
  }

  /**
   * Refuses new requests, waits up to `graceMs` for the open ones, then ends the rest with `reason`.
   */
  async close(graceMs: number, reason: CortexError): Promise<void> {
    this.#isClosing = true;
    if (this.#open.size > 0 && graceMs > 0) await this.#idleWithin(graceMs);
    for (const exchange of this.#open) exchange.abortAttempt(reason);
    if (this.#open.size > 0) await this.#idleWithin(ABORT_WRITE_MS);
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

/** Time that an aborted request has to write its error. */
const ABORT_WRITE_MS = 500;
