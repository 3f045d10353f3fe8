import type { Action, GrantRecord, PlacementRecord } from '@cortex/fleet';
import QuickLRU from 'quick-lru';

/** So many requests are remembered; the oldest go. */
export const MAX_DECISIONS = 10_000;
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
  /** The only node that was asked for; undefined: any. */
  readonly askedNode: string | undefined;
  readonly atMs: number;
  readonly outcome:
    | { readonly kind: 'granted'; readonly node: string; readonly record: GrantRecord }
    | { readonly kind: 'refused'; readonly message: string; readonly waitedMs: number };
  /** The load that it waited for. */
  readonly load: DecidedLoad | undefined;
}

/**
 * A place of the ring. It is filled again and again and keeps no object of a request, so that remembering a request
 * leaves nothing for the garbage collector but its id.
 */
interface Slot {
  requestId: string;
  model: string;
  askedNode: string | undefined;
  atMs: number;
  /** Undefined: it was refused with `message`. */
  node: string | undefined;
  message: string;
  by: GrantRecord['by'];
  load: number;
  replicas: number;
  circuit: GrantRecord['circuit'];
  waitedMs: number;
  decidedLoad: DecidedLoad | undefined;
}

const emptySlot = (): Slot => ({
  requestId: '',
  model: '',
  askedNode: undefined,
  atMs: 0,
  node: undefined,
  message: '',
  by: 'load',
  load: 0,
  replicas: 0,
  circuit: undefined,
  waitedMs: 0,
  decidedLoad: undefined,
});

function toDecided(slot: Slot): DecidedRequest {
  const { requestId, model, askedNode, atMs, node, message, waitedMs } = slot;
  const { by, load, replicas, circuit } = slot;
  return {
    requestId,
    model,
    askedNode,
    atMs,
    outcome:
      node === undefined
        ? { kind: 'refused', message, waitedMs }
        : { kind: 'granted', node, record: { by, load, replicas, waitedMs, circuit } },
    load: slot.decidedLoad,
  };
}

/** The last decisions, for whoever asks why. Times are monotonic ms. */
export class DecisionLog {
  readonly #slots: Slot[] = [];
  #next = 0;
  readonly #loads = new QuickLRU<string, DecidedLoad>({ maxSize: MIN_MODELS });

  loadStarted({ model, record }: Extract<Action, { readonly kind: 'load' }>, atMs: number): void {
    if (record.why !== 'joined') this.#loads.set(model, { atMs, record });
  }

  decided({ requestId, model, askedNode, atMs, outcome, load }: DecidedRequest): void {
    const slot = (this.#slots[this.#next] ??= emptySlot());
    this.#next = (this.#next + 1) % MAX_DECISIONS;
    slot.requestId = requestId;
    slot.model = model;
    slot.askedNode = askedNode;
    slot.atMs = atMs;
    slot.decidedLoad = load;
    if (outcome.kind === 'refused') {
      slot.node = undefined;
      slot.message = outcome.message;
      slot.circuit = undefined;
      slot.waitedMs = outcome.waitedMs;
      return;
    }
    const { record } = outcome;
    slot.node = outcome.node;
    slot.message = '';
    slot.by = record.by;
    slot.load = record.load;
    slot.replicas = record.replicas;
    slot.circuit = record.circuit;
    slot.waitedMs = record.waitedMs;
  }

  /** The last of that id. */
  request(requestId: string): DecidedRequest | undefined {
    const { length } = this.#slots;
    for (let age = 1; age <= length; age += 1) {
      const slot = this.#slots[(this.#next - age + length) % length];
      if (slot?.requestId === requestId) return toDecided(slot);
    }
    return undefined;
  }

  lastLoad(model: string): DecidedLoad | undefined {
    return this.#loads.get(model);
  }
}
