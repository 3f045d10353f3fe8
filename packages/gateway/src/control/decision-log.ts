import type { Action, GrantRecord, PlacementRecord } from '@cortex/fleet';
import QuickLRU from 'quick-lru';

/** So many requests are remembered; the oldest go. */
const MAX_REQUESTS = 500;
/** At least so many models whose last load is remembered, and at most twice as many. The oldest go. */
const MIN_MODELS = 500;

/** A load that was decided. */
export interface DecidedLoad {
  readonly atMs: number;
  readonly record: PlacementRecord;
}

/** What was decided about a request. */
export interface DecidedRequest {
  readonly requestId: string;
  readonly model: string;
  readonly atMs: number;
  readonly outcome:
    | { readonly kind: 'granted'; readonly node: string; readonly record: GrantRecord }
    | { readonly kind: 'refused'; readonly message: string };
  /** The load that it waited for. */
  readonly load?: DecidedLoad | undefined;
}

/** The last decisions, for whoever asks why. Times are monotonic ms. */
export class DecisionLog {
  /** A ring: each request writes into it, and few are looked for. */
  readonly #requests: DecidedRequest[] = [];
  #next = 0;
  readonly #loads = new QuickLRU<string, DecidedLoad>({ maxSize: MIN_MODELS });

  loadStarted({ model, record }: Extract<Action, { readonly kind: 'load' }>, atMs: number): void {
    if (record.why !== 'joined') this.#loads.set(model, { atMs, record });
  }

  decided(request: DecidedRequest): void {
    this.#requests[this.#next] = request;
    this.#next = (this.#next + 1) % MAX_REQUESTS;
  }

  /** The last of that id. */
  request(requestId: string): DecidedRequest | undefined {
    const { length } = this.#requests;
    for (let age = 1; age <= length; age += 1) {
      const request = this.#requests[(this.#next - age + length) % length];
      if (request?.requestId === requestId) return request;
    }
    return undefined;
  }

  lastLoad(model: string): DecidedLoad | undefined {
    return this.#loads.get(model);
  }
}
