import type { FleetRequest } from './events.ts';

export interface Waiter {
  readonly request: FleetRequest;
  /** When the answer to it must be known at the latest; a streamed request may outlive it (see `hardMs`). */
  readonly holdUntilMs: number;
  readonly hardMs: number;
}

const isBound = ({ request }: Waiter): boolean =>
  request.weight === 0 || request.node !== undefined || request.tried.length > 0;

/** The requests that wait for one model, in the order of arrival. */
export class WaitingQueue {
  readonly #byId = new Map<string, Waiter>();
  /** From `#head` on; with requests that have left, until they are too many. */
  #inOrder: Waiter[] = [];
  #head = 0;
  #bound = 0;
  #free = 0;
  #deadlineMs = Infinity;

  get size(): number {
    return this.#byId.size;
  }

  /** Whether a request that may use any node waits: it is in front of every later one. */
  get hasFree(): boolean {
    return this.#free > 0;
  }

  get hasBound(): boolean {
    return this.#bound > 0;
  }

  get oldestMs(): number {
    return this.first?.request.arrivedMs ?? Infinity;
  }

  /** The first deadline of a request; may be of one that has left. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Finds the first deadline that is still to come. */
  refreshDeadline(nowMs: number): void {
    if (this.#deadlineMs > nowMs) return;
    this.#deadlineMs = Infinity;
    for (const waiter of this.#byId.values()) this.#noteDeadline(waiter, nowMs);
  }

  #noteDeadline({ holdUntilMs, hardMs }: Waiter, nowMs: number): void {
    const nextMs = holdUntilMs > nowMs ? holdUntilMs : hardMs;
    // A request that comes back after its time is due now.
    this.#deadlineMs = Math.min(this.#deadlineMs, Math.max(nextMs, nowMs));
  }

  get first(): Waiter | undefined {
    for (; this.#head < this.#inOrder.length; this.#head += 1) {
      const waiter = this.#inOrder[this.#head];
      if (waiter && this.#isHere(waiter)) return waiter;
    }
    return undefined;
  }

  /** Requests can be removed meanwhile. */
  *inOrder(): Generator<Waiter, void> {
    const order = this.#inOrder;
    for (let at = this.#head; at < order.length; at += 1) {
      const waiter = order[at];
      if (waiter && this.#isHere(waiter)) yield waiter;
    }
  }

  add(waiter: Waiter, nowMs: number): void {
    this.#noteDeadline(waiter, nowMs);
    const { id, arrivedMs } = waiter.request;
    const last = this.#inOrder.at(-1);
    this.#byId.set(id, waiter);
    if (isBound(waiter)) this.#bound += 1;
    else this.#free += 1;
    if (!last || last.request.arrivedMs <= arrivedMs) {
      this.#inOrder.push(waiter);
      return;
    }
    const at = this.#inOrder.findIndex(({ request }) => request.arrivedMs > arrivedMs);
    this.#inOrder.splice(at, 0, waiter);
    this.#head = Math.min(this.#head, at);
  }

  remove(id: string): Waiter | undefined {
    const waiter = this.#byId.get(id);
    if (!waiter) return undefined;
    this.#byId.delete(id);
    this.#compact();
    if (isBound(waiter)) this.#bound -= 1;
    else this.#free -= 1;
    return waiter;
  }

  /** Whether a load on `node` serves one of the requests. */
  wants(node: string): boolean {
    if (this.#free > 0) return true;
    for (const { request } of this.#byId.values()) {
      const isBoundHere = request.node === undefined || request.node === node;
      if (request.weight > 0 && isBoundHere) return true;
    }
    return false;
  }

  #isHere(waiter: Waiter): boolean {
    return this.#byId.get(waiter.request.id) === waiter;
  }

  /** Drops the requests that have left once they are half of the list, so that a queue of thousands drains in linear time. */
  #compact(): void {
    if (this.#inOrder.length <= 2 * this.#byId.size + 16) return;
    this.#inOrder = [...this.inOrder()];
    this.#head = 0;
  }
}
