import type { Replica, Selection } from '@cortex/fleet';
import { CortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { AcquireRequest, Lease } from './control.ts';
import { ModelQueue, type Waiter } from './model-queue.ts';

export interface WaitingLimits {
  /** Per model. */
  readonly maxWaiting: number;
  /** Streamed requests, from their arrival. */
  readonly maxWaitMs: number;
  /** Requests that are not streamed, from their arrival. */
  readonly maxHoldMs: number;
}

interface RoomDeps {
  readonly clock: Clock;
  readonly limits: () => WaitingLimits;
  readonly select: (request: AcquireRequest) => Selection;
  /** `enteredMs`: when the request started to wait. */
  readonly grant: (request: AcquireRequest, replica: Replica, enteredMs: number) => Lease;
  readonly refuse: (request: AcquireRequest, selection: Selection) => CortexError;
  /** The error for a request that waited too long. */
  readonly expire: (request: AcquireRequest, selection: Selection) => CortexError;
  /** A load is needed, or already running on a node: start or join it. */
  readonly wantLoad: (request: AcquireRequest, selection: Selection) => void;
  /** A request left: loads that no request waits for can be cancelled. */
  readonly left: (model: string, isWanted: (node: string) => boolean) => void;
  /** The first request started to wait for the model. */
  readonly waitingBegan: (model: string) => void;
}

const isLoad = ({ kind }: Selection): boolean => kind === 'load' || kind === 'loading';

/** Equal for requests with the same choice of nodes: if one is blocked, so is the other. */
const constraintOf = ({ node = '', tried }: AcquireRequest): string =>
  tried.length === 0 ? node : `${node} ${tried.join(' ')}`;

/**
 * Holds the requests that wait for room or for a load, in the order of arrival per model (behaviour 39a).
 *
 * It makes no decisions: after each change it calls `select` again for the waiting requests, in order.
 */
export class WaitingRoom {
  readonly #deps: RoomDeps;
  readonly #queues = new Map<string, ModelQueue>();

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  waiting(model: string): number {
    return this.#queues.get(model)?.size ?? 0;
  }

  /** Resolves with a lease when it is the turn of this request. An aborted request is removed completely. */
  enter(request: AcquireRequest, signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(request.model) ?? new ModelQueue();
      if (queue.size >= this.#deps.limits().maxWaiting) {
        reject(queueFull(request.model, queue.size));
        return;
      }
      const onAbort = () => this.#reject(waiter, leftError());
      const waiter: Waiter = {
        request,
        enteredMs: this.#deps.clock.nowMs(),
        resolve,
        reject,
        end: () => {
          waiter.cancelTimer?.();
          signal.removeEventListener('abort', onAbort);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queues.set(request.model, queue);
      queue.add(waiter);
      this.#armDeadline(waiter);
      this.pump(request.model);
      if (queue.size === 1 && queue.has(waiter)) this.#deps.waitingBegan(request.model);
    });
  }

  /** Admits waiting requests of one model while there is room. */
  pump(model: string): void {
    const queue = this.#queues.get(model);
    if (!queue || !queue.beginPump()) return;
    do {
      this.#pumpOnce(queue);
    } while (queue.endPump());
    this.#dropIfEmpty(model, queue);
  }

  pumpAll(): void {
    for (const model of Array.from(this.#queues.keys())) this.pump(model);
  }

  /** Rejects every waiting request with `error`. */
  empty(error: CortexError): void {
    for (const queue of Array.from(this.#queues.values())) {
      for (const waiter of Array.from(queue)) this.#reject(waiter, error);
    }
  }

  #pumpOnce(queue: ModelQueue): void {
    const blocked = new Set<string>();
    for (const waiter of queue) {
      const constraint = constraintOf(waiter.request);
      if (blocked.has(constraint)) continue;
      const selection = this.#deps.select(waiter.request);
      if (selection.kind === 'refused') {
        this.#reject(waiter, this.#deps.refuse(waiter.request, selection));
      } else if (selection.kind === 'node' && !blocked.has('')) {
        this.#grant(waiter, selection.replica);
      } else {
        blocked.add(constraint);
        if (isLoad(selection)) this.#deps.wantLoad(waiter.request, selection);
        // A request that can run on any node blocks the requests behind it; only requests for certain nodes may
        // still need a load.
        if (constraint === '' && !queue.hasConstrained) return;
      }
    }
  }

  #grant(waiter: Waiter, replica: Replica): void {
    this.#remove(waiter);
    waiter.resolve(this.#deps.grant(waiter.request, replica, waiter.enteredMs));
  }

  #reject(waiter: Waiter, error: CortexError): void {
    const { model } = waiter.request;
    const queue = this.#queues.get(model);
    if (!queue?.has(waiter)) return;
    this.#remove(waiter);
    waiter.reject(error);
    if (queue.size > 0) this.#deps.left(model, (node) => queue.wants(node));
    this.#dropIfEmpty(model, queue);
    // The request may have blocked the requests behind it.
    this.pump(model);
  }

  #remove(waiter: Waiter): void {
    this.#queues.get(waiter.request.model)?.remove(waiter);
    waiter.end();
  }

  #dropIfEmpty(model: string, queue: ModelQueue): void {
    if (queue.size > 0 || this.#queues.get(model) !== queue) return;
    this.#queues.delete(model);
    this.#deps.left(model, () => false);
  }

  /** No request waits longer than `maxHoldMs` for a pull. A stream waits up to `maxWaitMs` for anything else. */
  #armDeadline(waiter: Waiter): void {
    const { clock, limits, expire, select } = this.#deps;
    const { request } = waiter;
    const { maxHoldMs, maxWaitMs } = limits();
    const elapsedMs = clock.nowMs() - request.arrivedMs;
    const isPastHold = elapsedMs >= maxHoldMs;
    const limitMs = request.stream ? Math.max(maxWaitMs, maxHoldMs) : maxHoldMs;
    const nextMs = isPastHold || !request.stream ? limitMs : Math.min(maxHoldMs, limitMs);
    waiter.cancelTimer = clock.setTimer(Math.max(0, nextMs - elapsedMs), () => {
      const selection = select(request);
      const isOver = clock.nowMs() - request.arrivedMs >= limitMs;
      const isPull = selection.kind === 'loading' && selection.replica.status === 'pulling';
      if (isOver || isPull) this.#reject(waiter, expire(request, selection));
      else this.#armDeadline(waiter);
    });
  }
}

const leftError = (): CortexError =>
  new CortexError(
    'client_closed_request',
    'The client disconnected while its request was waiting.',
  );

function queueFull(model: string, waiting: number): CortexError {
  return new CortexError('queue_full', `${waiting} requests are already waiting for ${model}.`, {
    retryAfterS: 5,
  });
}
