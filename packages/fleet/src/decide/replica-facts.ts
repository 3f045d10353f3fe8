import type { CatalogueModel } from '../catalogue.ts';

/** Tokens per second of one answer, and where the weights were. */
export interface MeasuredSpeed {
  readonly tokS: number;
  readonly isOnCpu: boolean;
}

/** What cortex itself knows of a model on a node, beside the reports of the node. Times are monotonic ms. */
export interface ReplicaFacts {
  /** Measured by the last load there. */
  loadMs: number | undefined;
  /** Measured by the last wake there. */
  wakeMs: number | undefined;
  /** MiB that it kept when it last slept there. */
  asleepMib: number | undefined;
  /** MiB, measured, else estimated by the node. */
  needMib: number | undefined;
  loadedAtMs: number | undefined;
  /** Decode speed that the node measured the last time it was loaded there. */
  speed: MeasuredSpeed | undefined;
  /** Parts of it on each device, if it was planned for several: a node reports only the sum. */
  shares: ReadonlyMap<number, number> | undefined;
  /** End of its last request from this cortex. */
  lastUsedMs: number | undefined;
  lastGrantMs: number;
  /** A conversation with short pauses holds it until then. */
  heldUntilMs: number;
  /** The model for which it is to be evicted: it gets no more requests. */
  yieldsTo: string | undefined;
  /** It is being unloaded for new settings. */
  isReplaced: boolean;
  /** When that was last begun. */
  replacedAtMs: number | undefined;
  /** The entry of models.toml whose TTL and pin the node was last told, apart from loads, and when. */
  residencyTold: { readonly entry: CatalogueModel; readonly atMs: number } | undefined;
}

/** Per node. Nodes choose the names of their models, so the table is bounded; the oldest go. */
const MAX_MODELS = 1000;

export class ReplicaFactsTable {
  readonly #byNode = new Map<string, Map<string, ReplicaFacts>>();

  find(node: string, model: string): ReplicaFacts | undefined {
    return this.#byNode.get(node)?.get(model);
  }

  of(node: string, model: string): ReplicaFacts {
    const byModel = this.#byNode.get(node) ?? new Map<string, ReplicaFacts>();
    const known = byModel.get(model);
    if (known) return known;
    const fresh: ReplicaFacts = {
      loadMs: undefined,
      wakeMs: undefined,
      asleepMib: undefined,
      needMib: undefined,
      loadedAtMs: undefined,
      speed: undefined,
      shares: undefined,
      lastUsedMs: undefined,
      lastGrantMs: 0,
      heldUntilMs: -Infinity,
      yieldsTo: undefined,
      isReplaced: false,
      replacedAtMs: undefined,
      residencyTold: undefined,
    };
    byModel.set(model, fresh);
    this.#byNode.set(node, byModel);
    const [oldest] = byModel.keys();
    if (byModel.size > MAX_MODELS && oldest !== undefined) byModel.delete(oldest);
    return fresh;
  }

  /** Of a model whose settings changed; `shares` are those of what is loaded, which keeps its settings. */
  forgetMeasured(model: string): void {
    for (const byModel of this.#byNode.values()) {
      const facts = byModel.get(model);
      if (!facts) continue;
      facts.loadMs = facts.wakeMs = facts.needMib = facts.asleepMib = facts.speed = undefined;
    }
  }

  forgetNode(node: string): void {
    this.#byNode.delete(node);
  }
}
