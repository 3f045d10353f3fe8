import type { Action, GrantRecord, PlacementRecord } from '@cortex/fleet';

/** Requests that are remembered; the oldest go. */
const MAX_REQUESTS = 1000;
/** Models whose last load is remembered; the oldest go. */
const MAX_MODELS = 1000;

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
  readonly #requests = new Map<string, DecidedRequest>();
  readonly #loads = new Map<string, DecidedLoad>();

  loadStarted({ model, record }: Extract<Action, { readonly kind: 'load' }>, atMs: number): void {
    if (record.why !== 'joined') remember(this.#loads, model, { atMs, record }, MAX_MODELS);
  }

  decided(request: DecidedRequest): void {
    remember(this.#requests, request.requestId, request, MAX_REQUESTS);
  }

  request(requestId: string): DecidedRequest | undefined {
    return this.#requests.get(requestId);
  }

  lastLoad(model: string): DecidedLoad | undefined {
    return this.#loads.get(model);
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  // Moved to the end: the first key is the oldest one.
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
