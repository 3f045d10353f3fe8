import type { AttemptOutcome, CircuitChange } from './events.ts';
import type { LeaseEntry } from './lease-table.ts';

/** Failed requests in a row after which requests avoid a replica. One or two can be the fault of a request. */
const OPENS_AFTER = 3;
/** Models that fail without a success between them, after which the node is avoided with all its models. */
const SEVERAL = 2;
const FIRST_PAUSE_MS = 5000;
const LAST_PAUSE_MS = 60_000;
/** Per node. Nodes choose the names of their models, so the table is bounded; the oldest go. */
const MAX_MODELS = 1000;

/** Requests that failed in a row, and whether they are followed by others. Times are monotonic ms. */
interface Circuit {
  failures: number;
  /** Why the last one failed. */
  code: string;
  /** Pauses in a row; 0: it is closed. */
  pauses: number;
  /** When the first pause began, and the last one. */
  openedMs: number;
  pausedMs: number;
  untilMs: number;
  /** The lease of the request that tries the replica after a pause, and when it began. */
  probe: string | undefined;
  probedMs: number;
}

interface NodeCircuits {
  readonly own: Circuit;
  /** Models that failed since the last success on the node; more than `SEVERAL` are not counted. */
  readonly failing: Set<string>;
  /** Only models that failed since their last success. */
  readonly byModel: Map<string, Circuit>;
}

/** A circuit that is not closed. */
export interface OpenCircuit {
  readonly node: string;
  /** Undefined: all models of the node. */
  readonly model: string | undefined;
  /** Failed requests in a row. */
  readonly failures: number;
  /** Why the last one failed. */
  readonly code: string;
  /** Since it opened, ms. */
  readonly openForMs: number;
  /** Until a request may try the replica; 0: the next one may, or one does. */
  readonly remainingMs: number;
}

/** The part of a lease by which a circuit knows it. */
export type LeaseKey = Pick<LeaseEntry, 'id' | 'node' | 'model'>;

const closed = (): Circuit => ({
  failures: 0,
  code: '',
  pauses: 0,
  openedMs: -Infinity,
  pausedMs: -Infinity,
  untilMs: -Infinity,
  probe: undefined,
  probedMs: -Infinity,
});

const pauseMs = (pauses: number): number =>
  Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (pauses - 1));

/** A probe that hangs keeps others away no longer than a pause that its failure could lead to. */
const isTried = ({ probe, probedMs }: Circuit, nowMs: number): boolean =>
  probe !== undefined && nowMs < probedMs + LAST_PAUSE_MS;

const isShut = (circuit: Circuit, nowMs: number): boolean =>
  circuit.pauses > 0 && (nowMs < circuit.untilMs || isTried(circuit, nowMs));

/** Counts a failure; true: the circuit opened. */
function fail(
  circuit: Circuit,
  { lease, code, nowMs }: { lease: LeaseEntry; code: string; nowMs: number },
  mayOpen: boolean,
): boolean {
  if (circuit.probe === lease.id) circuit.probe = undefined;
  // Its request started before the pause ended: that it fails is no news.
  if (circuit.pauses > 0 && lease.grantedMs < circuit.untilMs) return false;
  circuit.failures += 1;
  circuit.code = code;
  const wasClosed = circuit.pauses === 0;
  if (wasClosed && !(mayOpen && circuit.failures >= OPENS_AFTER)) return false;
  circuit.pauses += 1;
  circuit.probe = undefined;
  circuit.pausedMs = nowMs;
  circuit.untilMs = nowMs + pauseMs(circuit.pauses);
  if (wasClosed) circuit.openedMs = nowMs;
  return wasClosed;
}

/** Whether the success of a request closes the circuit: one that started before the failures does not. */
const closes = ({ pauses, pausedMs }: Circuit, { grantedMs }: LeaseEntry): boolean =>
  pauses === 0 || grantedMs > pausedMs;

/**
 * Replicas that fail requests, though their nodes answer polls.
 *
 * After three failures in a row, requests for a model avoid its replica on the node; if more than one model failed, they
 * avoid all replicas of the node. After 5 s one request tries it. If that fails, the pause doubles, up to 60 s; a
 * success ends it; if it has no outcome for 60 s, another one tries it. A replica that is avoided is still used if no other has room, so nothing is refused because of a
 * circuit. Only nodes with failures are in the table.
 */
export class CircuitTable {
  readonly #byNode = new Map<string, NodeCircuits>();

  /** Whether failures on the node are counted; false: nothing of what follows is worth a call. */
  has(node: string): boolean {
    return this.#byNode.has(node);
  }

  /** Whether requests for the model go to other replicas if those have room. */
  isAvoided({ node, model }: { node: string; model: string }, nowMs: number): boolean {
    // Asked of every replica for every request, and nearly always empty.
    if (this.#byNode.size === 0) return false;
    const circuits = this.#byNode.get(node);
    if (!circuits) return false;
    const ofModel = circuits.byModel.get(model);
    return isShut(circuits.own, nowMs) || (ofModel !== undefined && isShut(ofModel, nowMs));
  }

  /** How long requests for the model avoid the node from now on, ms; undefined: they do not. */
  avoidedForMs(replica: { node: string; model: string }, nowMs: number): number | undefined {
    if (!this.isAvoided(replica, nowMs)) return undefined;
    return Math.max(0, ...this.open(replica, nowMs).map(({ remainingMs }) => remainingMs));
  }

  /** A request got the replica: it tries it, or had no other choice; undefined: the replica is not avoided. */
  granted(lease: LeaseKey, nowMs: number): 'probe' | 'last_resort' | undefined {
    const wasAvoided = this.isAvoided(lease, nowMs);
    let isProbe = false;
    for (const circuit of this.#of(lease)) {
      if (circuit.pauses === 0 || isShut(circuit, nowMs)) continue;
      circuit.probe = lease.id;
      circuit.probedMs = nowMs;
      isProbe = true;
    }
    if (wasAvoided) return 'last_resort';
    return isProbe ? 'probe' : undefined;
  }

  /** Whether others wait for what becomes of this request. */
  isProbe(lease: LeaseKey): boolean {
    return this.#of(lease).some(({ probe }) => probe === lease.id);
  }

  /**
   * Another request may try the replica. The one that did has ended, or its answer has begun: that may take minutes, and
   * only its end says whether the node works.
   */
  freeProbe(lease: LeaseKey): void {
    for (const circuit of this.#of(lease)) {
      if (circuit.probe === lease.id) circuit.probe = undefined;
    }
  }

  /** Takes the outcome of a request into account. */
  ended(lease: LeaseEntry, outcome: AttemptOutcome, nowMs: number): readonly CircuitChange[] {
    return outcome.kind === 'failed'
      ? this.#failed(lease, outcome.code, nowMs)
      : this.#succeeded(lease, nowMs);
  }

  /** The circuits that are not closed, of a node or of what concerns one model there: that of the node first. */
  open(
    { node, model: only }: { node: string; model?: string | undefined },
    nowMs: number,
  ): readonly OpenCircuit[] {
    const circuits = this.#byNode.get(node);
    if (!circuits) return [];
    const all = [[undefined, circuits.own] as const, ...circuits.byModel];
    return all.flatMap(([model, { failures, code, pauses, openedMs, untilMs }]) => {
      const isMeant = only === undefined || model === undefined || model === only;
      if (pauses === 0 || !isMeant) return [];
      const openForMs = nowMs - openedMs;
      return { node, model, failures, code, openForMs, remainingMs: Math.max(0, untilMs - nowMs) };
    });
  }

  /** Forgets the models that the node does not have any more. */
  keepModels(node: string, models: ReadonlyMap<string, unknown>): void {
    const circuits = this.#byNode.get(node);
    if (!circuits) return;
    for (const model of circuits.byModel.keys()) {
      if (!models.has(model)) circuits.byModel.delete(model);
    }
    this.#dropIfClean(node, circuits);
  }

  forgetNode(node: string): void {
    this.#byNode.delete(node);
  }

  /** The circuits that a request on the replica concerns. */
  #of({ node, model }: { node: string; model: string }): readonly Circuit[] {
    const circuits = this.#byNode.get(node);
    if (!circuits) return [];
    const ofModel = circuits.byModel.get(model);
    return ofModel ? [circuits.own, ofModel] : [circuits.own];
  }

  #failed(lease: LeaseEntry, code: string, nowMs: number): readonly CircuitChange[] {
    const { node, model } = lease;
    const circuits = this.#byNode.get(node) ?? {
      own: closed(),
      failing: new Set(),
      byModel: new Map<string, Circuit>(),
    };
    const { own, failing, byModel } = circuits;
    const ofModel = byModel.get(model) ?? closed();
    this.#byNode.set(node, circuits);
    byModel.set(model, ofModel);
    const [oldest] = byModel.keys();
    if (byModel.size > MAX_MODELS && oldest !== undefined) byModel.delete(oldest);
    if (failing.size < SEVERAL) failing.add(model);
    const what = { lease, code, nowMs };
    const opened: CircuitChange[] = [];
    const note = (of: Circuit, name: string | undefined): void => {
      const forMs = of.untilMs - nowMs;
      const { failures } = of;
      opened.push({ kind: 'circuit_opened', node, model: name, failures, code, forMs });
    };
    if (fail(own, what, failing.size >= SEVERAL)) note(own, undefined);
    if (fail(ofModel, what, true)) note(ofModel, model);
    return opened;
  }

  #succeeded(lease: LeaseEntry, nowMs: number): readonly CircuitChange[] {
    const { node, model } = lease;
    const circuits = this.#byNode.get(node);
    if (!circuits) return [];
    this.freeProbe(lease);
    const { own, failing, byModel } = circuits;
    const ofModel = byModel.get(model);
    const changes: CircuitChange[] = [];
    const note = ({ pauses, openedMs }: Circuit, name: string | undefined): void => {
      if (pauses === 0) return;
      const openForMs = nowMs - openedMs;
      changes.push({ kind: 'circuit_closed', node, model: name, openForMs });
    };
    if (closes(own, lease)) {
      note(own, undefined);
      Object.assign(own, closed());
      failing.clear();
    }
    if (ofModel && closes(ofModel, lease)) {
      note(ofModel, model);
      byModel.delete(model);
    }
    this.#dropIfClean(node, circuits);
    return changes;
  }

  #dropIfClean(node: string, { own, byModel }: NodeCircuits): void {
    if (own.failures === 0 && own.pauses === 0 && byModel.size === 0) this.#byNode.delete(node);
  }
}
