import type { LeasesView } from '../leases-view.ts';

export interface LeaseEntry {
  readonly id: string;
  readonly model: string;
  readonly node: string;
  readonly weight: number;
  readonly affinityKey: string | undefined;
  /** Monotonic. */
  readonly grantedMs: number;
}

/** The requests that run, with their sums by model and node. */
export class LeaseTable implements LeasesView {
  readonly #byId = new Map<string, LeaseEntry>();
  readonly #byModel = new Map<string, Map<string, number>>();
  #count = 0;

  get size(): number {
    return this.#byId.size;
  }

  ownByNode(model: string): ReadonlyMap<string, number> | undefined {
    return this.#byModel.get(model);
  }

  on(model: string, node: string): number {
    return this.#byModel.get(model)?.get(node) ?? 0;
  }

  /** The requests on a node by model, summed by weight. The map is a copy: it does not change later. */
  onNode(node: string): ReadonlyMap<string, number> {
    const byModel = new Map<string, number>();
    for (const [model, byNode] of this.#byModel) {
      const sum = byNode.get(node);
      if (sum !== undefined) byModel.set(model, sum);
    }
    return byModel;
  }

  get(id: string): LeaseEntry | undefined {
    return this.#byId.get(id);
  }

  take({ model, node, weight, affinityKey, grantedMs }: Omit<LeaseEntry, 'id'>): string {
    this.#count += 1;
    const id = `lease_${this.#count}`;
    const lease = { id, model, node, weight, affinityKey, grantedMs };
    this.#byId.set(id, lease);
    this.#add(lease, weight);
    return id;
  }

  /** The lease that ended; undefined if it had ended before. */
  end(id: string): LeaseEntry | undefined {
    const lease = this.#byId.get(id);
    if (!lease) return undefined;
    this.#byId.delete(id);
    this.#add(lease, -lease.weight);
    return lease;
  }

  /** Forgets the leases on a node that was removed or replaced: their streams go on, and their ends change nothing. */
  forgetNode(node: string): void {
    for (const lease of this.#byId.values()) {
      if (lease.node === node) this.end(lease.id);
    }
  }

  #add({ model, node }: Pick<LeaseEntry, 'model' | 'node'>, weight: number): void {
    const byNode = this.#byModel.get(model);
    const sum = (byNode?.get(node) ?? 0) + weight;
    if (sum > 0) {
      if (byNode) byNode.set(node, sum);
      else this.#byModel.set(model, new Map([[node, sum]]));
      return;
    }
    byNode?.delete(node);
    if (byNode?.size === 0) this.#byModel.delete(model);
  }
}
