/**
 * Who may ask a model: seats, the bounded queue, and an honest refusal (behaviours 43 and 46).
 *
 * A seat is a slot or a place in the queue. A request with a seat goes to the engine at once; the engine owns the
 * order to its slots.
 */
import { CortexError } from '@cortex/protocol';

import { refuse } from '../refusal.ts';
import { ServiceTime } from './service-time.ts';

export interface AdmissionOptions {
  /** Requests that may wait for a slot, each model. */
  readonly maxQueueDepth: number;
  /** How long a request that is not streamed may wait for its slot. */
  readonly maxWaitMs: number;
}

export interface SeatRequest {
  readonly modelId: string;
  /** Slots of the model now. */
  readonly slots: number;
  /** Slots that the request takes: `n`. */
  readonly weight: number;
  readonly isStreamed: boolean;
}

/** The right to be in one model's slots or queue. */
export interface Seat {
  /** Aborts with a `CortexError` when the wait limit of a request that is not streamed has passed. */
  readonly expired: AbortSignal;
  /** The request has left the queue. */
  started(): void;
  /** Gives the seat back; the first call counts. `busyMs`: time in a slot, where it was measured. */
  release(busyMs?: number): void;
}

/** The figures of one model for `/health`. */
export interface SeatReport {
  readonly inFlight: number;
  readonly queueDepth: number;
  readonly maxQueueDepth: number;
  /** Refusals since the daemon started, by code. */
  readonly rejected: Readonly<Record<string, number>>;
}

interface ModelSeats {
  used: number;
  /** Weight given back since the start: says how far the queue has moved. */
  released: number;
  slots: number;
  readonly serviceTime: ServiceTime;
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
   * A seat, or the reason why there is none.
   *
   * @throws CortexError `invalid_request` on `n` above the slots; `queue_full` (a refusal) with the expected wait
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
    const room = slots + this.#options.maxQueueDepth - seats.used;
    if (weight > room) throw this.#full(modelId, seats, weight - room);
    return this.#occupy(seats, request);
  }

  /** Counts a refusal that was decided elsewhere. */
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
        rejected: {},
        onIdle: new Set(),
      };
      this.#models.set(modelId, seats);
    }
    return seats;
  }

  #full(modelId: string, seats: ModelSeats, missing: number): CortexError {
    this.reject(modelId, 'queue_full');
    const retryAfterS = seats.serviceTime.secondsUntilFree(missing, seats.slots);
    return refuse(
      new CortexError('queue_full', `${modelId} is busy and its queue is full.`, { retryAfterS }),
    );
  }

  #occupy(seats: ModelSeats, { modelId, slots, weight, isStreamed }: SeatRequest): Seat {
    const ahead = Math.max(0, seats.used + weight - slots);
    const startsAt = seats.released + ahead;
    seats.used += weight;
    const expiry = new AbortController();
    const expire = (): void => {
      // By the count of those that ended its turn has come: it is not waiting, it is being computed.
      if (seats.released >= startsAt) return;
      this.reject(modelId, 'queue_full');
      const { maxWaitMs } = this.#options;
      expiry.abort(
        refuse(
          new CortexError(
            'queue_full',
            `${modelId} gave no slot within ${Math.round(maxWaitMs / 1000)} s.`,
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
        if (busyMs !== undefined) seats.serviceTime.observe(busyMs);
        if (seats.used > 0) return;
        for (const resolve of seats.onIdle) resolve();
        seats.onIdle.clear();
      },
    };
  }
}
