import type { LeasesView } from '@cortex/fleet';

/** Models per node whose last use is remembered. Beyond it the least recently used one is forgotten. */
const MAX_MODELS = 1_000;

function noteUse(lastUsedMs: Map<string, number>, model: string, nowMs: number): void {
  // Moved to the end: the first key is the least recently used one.
  lastUsedMs.delete(model);
  lastUsedMs.set(model, nowMs);
  const [oldest] = lastUsedMs.keys();
  if (lastUsedMs.size > MAX_MODELS && oldest !== undefined) lastUsedMs.delete(oldest);
}

/** Totals of the leases on one node. The object is replaced when the node is removed or replaced. */
interface NodeLeases {
  total: number;
  readonly byModel: Map<string, number>;
  /** End of the last request, monotonic. */
  readonly lastUsedMs: Map<string, number>;
}

export interface LeaseClaim {
  readonly requestId: string;
  readonly node: string;
  readonly model: string;
  /** Slots. */
  readonly weight: number;
}

export interface LeaseRecord extends LeaseClaim {
  readonly id: string;
}

/**
 * Requests of this cortex by node and model. A lease is taken when a node is chosen and released exactly once.
 */
export class Leases implements LeasesView {
  readonly #nodes = new Map<string, NodeLeases>();
  readonly #byModel = new Map<string, Map<string, number>>();
  #count = 0;

  ownByNode(model: string): ReadonlyMap<string, number> | undefined {
    return this.#byModel.get(model);
  }

  /** Own requests on the node by model, summed by weight. The map is a copy: it does not change later. */
  ownByModel(node: string): ReadonlyMap<string, number> {
    return new Map(this.#nodes.get(node)?.byModel);
  }

  /** Own requests on the node, or on one model there, summed by weight. */
  inFlight(node: string, model?: string): number {
    const leases = this.#nodes.get(node);
    if (!leases) return 0;
    return model === undefined ? leases.total : (leases.byModel.get(model) ?? 0);
  }

  /** Monotonic end of the last request; absent: none since cortex started. */
  lastUsedMs(node: string, model: string): number | undefined {
    return this.#nodes.get(node)?.lastUsedMs.get(model);
  }

  /**
   * Takes a lease. `release` gets the monotonic time and returns true for the first call; further calls do nothing.
   */
  take(claim: LeaseClaim): {
    readonly record: LeaseRecord;
    readonly release: (nowMs: number) => boolean;
  } {
    const totals = this.#totalsOf(claim.node);
    this.#add(totals, claim, claim.weight);
    this.#count += 1;
    let isHeld = true;
    return {
      record: { ...claim, id: `lease_${this.#count}` },
      release: (nowMs) => {
        if (!isHeld) return false;
        isHeld = false;
        // The node was removed or replaced: the request does not count for the new node of this name.
        if (this.#nodes.get(claim.node) !== totals) return true;
        this.#add(totals, claim, -claim.weight);
        noteUse(totals.lastUsedMs, claim.model, nowMs);
        return true;
      },
    };
  }

  /**
   * Forgets the leases of a node that was removed or replaced. Its streams finish, and their releases change no
   * count.
   */
  forgetNode(node: string): void {
    for (const model of this.#nodes.get(node)?.byModel.keys() ?? []) {
      this.#setOwn(model, node, 0);
    }
    this.#nodes.delete(node);
  }

  #totalsOf(node: string): NodeLeases {
    const known = this.#nodes.get(node);
    if (known) return known;
    const fresh: NodeLeases = { total: 0, byModel: new Map(), lastUsedMs: new Map() };
    this.#nodes.set(node, fresh);
    return fresh;
  }

  #add(totals: NodeLeases, { node, model }: LeaseClaim, weight: number): void {
    const own = (totals.byModel.get(model) ?? 0) + weight;
    totals.total += weight;
    if (own > 0) totals.byModel.set(model, own);
    else totals.byModel.delete(model);
    this.#setOwn(model, node, own);
  }

  #setOwn(model: string, node: string, own: number): void {
    const byNode = this.#byModel.get(model);
    if (own > 0) {
      if (byNode) byNode.set(node, own);
      else this.#byModel.set(model, new Map([[node, own]]));
      return;
    }
    byNode?.delete(node);
    if (byNode?.size === 0) this.#byModel.delete(model);
  }
}
