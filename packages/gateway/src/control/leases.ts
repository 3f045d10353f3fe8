import type { LeasesView } from '@cortex/fleet';

/** Models per node whose last use is remembered; beyond it the one that was used longest ago is forgotten. */
const MAX_MODELS = 1_000;

function noteUse(lastUsedMs: Map<string, number>, model: string, nowMs: number): void {
  // Put behind all others: the first key is the one used longest ago.
  lastUsedMs.delete(model);
  lastUsedMs.set(model, nowMs);
  const [oldest] = lastUsedMs.keys();
  if (lastUsedMs.size > MAX_MODELS && oldest !== undefined) lastUsedMs.delete(oldest);
}

/** What the leases on one node add up to. Replaced as a whole when the node is removed or replaced. */
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
 * Requests of this cortex by node and model. In-flight counts are leases: taken when a node is chosen,
 * released exactly once, whatever happens.
 */
export class Leases implements LeasesView {
  readonly #nodes = new Map<string, NodeLeases>();
  readonly #byModel = new Map<string, Map<string, number>>();
  #count = 0;

  ownByNode(model: string): ReadonlyMap<string, number> | undefined {
    return this.#byModel.get(model);
  }

  /** Own requests on the node by model, summed by weight, as they are now: the map does not change later. */
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
   * The record, and how to give the place back: once, further calls do nothing. `release` is told the monotonic
   * time.
   */
  take(claim: LeaseClaim): {
    readonly record: LeaseRecord;
    readonly release: (nowMs: number) => boolean;
  } {
    const home = this.#home(claim.node);
    this.#add(home, claim, claim.weight);
    this.#count += 1;
    let isHeld = true;
    return {
      record: { ...claim, id: `lease_${this.#count}` },
      release: (nowMs) => {
        if (!isHeld) return false;
        isHeld = false;
        // The node was removed or replaced meanwhile: this request is not on the one that has the name now.
        if (this.#nodes.get(claim.node) !== home) return true;
        this.#add(home, claim, -claim.weight);
        noteUse(home.lastUsedMs, claim.model, nowMs);
        return true;
      },
    };
  }

  /** Hides everything of a node that was removed or replaced; its streams finish and their releases count nowhere. */
  forgetNode(node: string): void {
    for (const model of this.#nodes.get(node)?.byModel.keys() ?? []) {
      this.#setOwn(model, node, 0);
    }
    this.#nodes.delete(node);
  }

  #home(node: string): NodeLeases {
    const known = this.#nodes.get(node);
    if (known) return known;
    const fresh: NodeLeases = { total: 0, byModel: new Map(), lastUsedMs: new Map() };
    this.#nodes.set(node, fresh);
    return fresh;
  }

  #add(home: NodeLeases, { node, model }: LeaseClaim, weight: number): void {
    const own = (home.byModel.get(model) ?? 0) + weight;
    home.total += weight;
    if (own > 0) home.byModel.set(model, own);
    else home.byModel.delete(model);
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
