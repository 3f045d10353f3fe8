/**
 * Admission of requests to a model: seats, the bounded queue, and refusals with the expected wait (behaviours 43
 * and 46).
 *
 * A seat is a slot or a place in the queue. A request with a seat goes to the engine at once; the engine decides
 * the order of the slots.
 */
import { CortexError } from '@cortex/protocol';

import { refuse } from '../refusal.ts';
import { ServiceTime } from './service-time.ts';

export interface AdmissionOptions {
  /** Requests per model that may wait for a slot. */
  readonly maxQueueDepth: number;
  /** Longest wait for a slot of a request that is not streamed. */
  readonly maxWaitMs: number;
  /** Seats per model that one principal may hold, slots and queue together; 0: no limit. */
  readonly maxPerPrincipal: number;
}

export interface SeatRequest {
  readonly modelId: string;
  /** Current number of slots of the model. */
  readonly slots: number;
  /** Slots that the request takes: `n`. */
  readonly weight: number;
  readonly isStreamed: boolean;
  /** The principal of the request. */
  readonly principal: string;
}

/** A place in the slots or in the queue of one model. */
export interface Seat {
  /** Aborts with a `CortexError` when the wait limit of a request that is not streamed has passed. */
  readonly expired: AbortSignal;
  /** Call it when the request has left the queue. */
  started(): void;
  /** Releases the seat; only the first call has an effect. `busyMs`: time in a slot, if it was measured. */
  release(busyMs?: number): void;
}

/** The counts of one model for `/health`. */
export interface SeatReport {
  readonly inFlight: number;
  readonly queueDepth: number;
  readonly maxQueueDepth: number;
  /** Refusals since the daemon started, by code. */
  readonly rejected: Readonly<Record<string, number>>;
}

interface ModelSeats {
  used: number;
  /** Total weight released since the start; shows how far the queue has advanced. */
  released: number;
  slots: number;
  readonly serviceTime: ServiceTime;
  /** Weight held by each principal with at least one seat. */
  readonly byPrincipal: Map<string, number>;
  readonly rejected: Record<string, number>;
  readonly onIdle: Set<() => void>;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #models = new Map<string, ModelSeats>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Takes a seat.
   *
   * @throws CortexError `invalid_request` on `n` above the slots; refusals with the expected wait: `queue_full`, and
   *   `rate_limit_exceeded` for a principal at its limit
   */
  take(request: SeatRequest): Seat {
    const { modelId, slots, weight } = request;
    const seats = this.#seats(modelId);
    seats.slots = slots;
    if (weight > slots) {
      throw new CortexError(
        'invalid_request',
        `n = ${weight} is more than the ${slots} slots of ${modelId}.`,
        { param: 'n' },
      );
    }
    this.#checkCap(seats, request);
    const room = slots + this.#options.maxQueueDepth - seats.used;
    if (weight > room) throw this.#full(modelId, seats, weight);
    return this.#occupy(seats, request);
  }

  /** Counts a refusal by another part of the daemon. */
  reject(modelId: string, code: string): void {
    const { rejected } = this.#seats(modelId);
    rejected[code] = (rejected[code] ?? 0) + 1;
  }

  report(modelId: string): SeatReport {
    const seats = this.#models.get(modelId);
    return {
      inFlight: Math.min(seats?.used ?? 0, seats?.slots ?? 0),
      queueDepth: Math.max(0, (seats?.used ?? 0) - (seats?.slots ?? 0)),
      maxQueueDepth: this.#options.maxQueueDepth,
      rejected: { ...seats?.rejected },
    };
  }

  isIdle(modelId: string): boolean {
    return (this.#models.get(modelId)?.used ?? 0) === 0;
  }

  /** Resolves when no request of the model holds a seat. */
  whenIdle(modelId: string): Promise<void> {
    if (this.isIdle(modelId)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#seats(modelId).onIdle.add(resolve);
    return promise;
  }

  #seats(modelId: string): ModelSeats {
    let seats = this.#models.get(modelId);
    if (!seats) {
      seats = {
        used: 0,
        released: 0,
        slots: 0,
        serviceTime: new ServiceTime(),
        byPrincipal: new Map(),
        rejected: {},
        onIdle: new Set(),
      };
      this.#models.set(modelId, seats);
    }
    return seats;
  }

  /** The wait until a new request would get a slot: all current requests are served first. */
  #full(modelId: string, seats: ModelSeats, weight: number): CortexError {
    this.reject(modelId, 'queue_full');
    const ahead = seats.used + weight - seats.slots;
    const retryAfterS = seats.serviceTime.secondsUntilFree(ahead, seats.slots);
    return refuse(
      new CortexError('queue_full', `${modelId} is busy and its queue is full.`, { retryAfterS }),
    );
  }

  #checkCap(seats: ModelSeats, { modelId, principal, weight }: SeatRequest): void {
    const { maxPerPrincipal } = this.#options;
    const held = seats.byPrincipal.get(principal) ?? 0;
    if (maxPerPrincipal === 0 || held + weight <= maxPerPrincipal) return;
    if (weight > maxPerPrincipal) {
      throw new CortexError(
        'invalid_request',
        `n = ${weight} is more than the ${maxPerPrincipal} requests that one caller may have at the same time.`,
        { param: 'n' },
      );
    }
    this.reject(modelId, 'rate_limit_exceeded');
    // One request of this principal has to end; its requests run in parallel, as far as there are slots.
    const retryAfterS = seats.serviceTime.secondsUntilFree(
      Math.max(1, seats.used + weight - seats.slots),
      Math.max(1, Math.min(seats.slots, held)),
    );
    throw refuse(
      new CortexError(
        'rate_limit_exceeded',
        `You already have ${held} requests at ${modelId}. The limit is ${maxPerPrincipal} (admission.max_per_principal).`,
        { retryAfterS },
      ),
    );
  }

  #occupy(seats: ModelSeats, request: SeatRequest): Seat {
    const { modelId, slots, weight, isStreamed, principal } = request;
    const ahead = Math.max(0, seats.used + weight - slots);
    const startsAt = seats.released + ahead;
    seats.used += weight;
    hold(seats.byPrincipal, principal, weight);
    const expiry = new AbortController();
    const expire = (): void => {
      // Enough requests ahead have ended, so this one is being processed and no longer waits.
      if (seats.released >= startsAt) return;
      this.reject(modelId, 'queue_full');
      const { maxWaitMs } = this.#options;
      expiry.abort(
        refuse(
          new CortexError(
            'queue_full',
            `${modelId} had no free slot within ${Math.round(maxWaitMs / 1000)} s.`,
            { retryAfterS: seats.serviceTime.secondsUntilFree(startsAt - seats.released, slots) },
          ),
        ),
      );
    };
    const timer =
      ahead > 0 && !isStreamed ? setTimeout(expire, this.#options.maxWaitMs) : undefined;
    let isHeld = true;
    return {
      expired: expiry.signal,
      started: () => clearTimeout(timer),
      release: (busyMs) => {
        if (!isHeld) return;
        isHeld = false;
        clearTimeout(timer);
        seats.used -= weight;
        seats.released += weight;
        hold(seats.byPrincipal, principal, -weight);
        if (busyMs !== undefined) seats.serviceTime.observe(busyMs);
        if (seats.used > 0) return;
        for (const resolve of seats.onIdle) resolve();
        seats.onIdle.clear();
      },
    };
  }
}

function hold(byPrincipal: Map<string, number>, principal: string, change: number): void {
  const held = (byPrincipal.get(principal) ?? 0) + change;
  if (held > 0) byPrincipal.set(principal, held);
  else byPrincipal.delete(principal);
}
