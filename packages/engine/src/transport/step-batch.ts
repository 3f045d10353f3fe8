import type { StepItem } from '../engine/generate.ts';

/**
 * Collects the output of one turn of the event loop, for all requests, into one `step` message.
 *
 * Order within a request is kept: `accepted` is sent before the step, `done` and `error` after it, and a request
 * that has ended adds no more items.
 */
export class StepBatch {
  readonly #send: (message: object) => void;
  #before: object[] = [];
  #items: object[] = [];
  #after: object[] = [];
  #stepMs = 0;
  #isScheduled = false;

  constructor(send: (message: object) => void) {
    this.#send = send;
  }

  accepted(message: object): void {
    this.#before.push(message);
    this.#schedule();
  }

  items(id: string, items: readonly StepItem[], stepMs: number | undefined): void {
    for (const item of items) this.#items.push({ id, ...item });
    if (stepMs !== undefined && stepMs > this.#stepMs) this.#stepMs = stepMs;
    this.#schedule();
  }

  /** `done` or `error`. */
  last(message: object): void {
    this.#after.push(message);
    this.#schedule();
  }

  /** Sends the collected messages now. */
  flush(): void {
    for (const message of this.#before.splice(0)) this.#send(message);
    if (this.#items.length > 0) {
      this.#send({ kind: 'step', ms: this.#stepMs, items: this.#items });
      this.#items = [];
      this.#stepMs = 0;
    }
    for (const message of this.#after.splice(0)) this.#send(message);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Runs after the microtasks in which all requests of the step take their events, and before the event loop sleeps.
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
