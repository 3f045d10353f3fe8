import type { Action, GrantRecord, PlacementRecord } from '@cortex/fleet';
import QuickLRU from 'quick-lru';

/** At least this many requests are remembered and at most twice as many. The oldest go. */
const MIN_REQUESTS = 500;
/** As above, for models whose last load is remembered. */
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
  readonly #requests = new QuickLRU<string, DecidedRequest>({ maxSize: MIN_REQUESTS });
  readonly #loads = new QuickLRU<string, DecidedLoad>({ maxSize: MIN_MODELS });

  loadStarted({ model, record }: Extract<Action, { readonly kind: 'load' }>, atMs: number): void {
    if (record.why !== 'joined') this.#loads.set(model, { atMs, record });
  }

  decided(request: DecidedRequest): void {
    this.#requests.set(request.requestId, request);
  }

  request(requestId: string): DecidedRequest | undefined {
    return this.#requests.get(requestId);
  }

  lastLoad(model: string): DecidedLoad | undefined {
    return this.#loads.get(model);
  }
}
