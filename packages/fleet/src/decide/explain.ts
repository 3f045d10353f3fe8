import { stateTraits } from '@cortex/protocol';

import { type ConfigMismatch, configMismatch } from '../catalogue-changes.ts';
import { replicaLoad } from '../replica-load.ts';
import type { FleetSnapshot, Replica } from '../snapshot.ts';
import type { OpenCircuit } from './circuit-table.ts';
import type { DecideState } from './decide-state.ts';
import { measuredMib } from './need.ts';
import { place } from './place.ts';
import type { Candidate, Victim } from './record.ts';
import { hostToWake } from './wake.ts';

/** Where a load would go now. */
export interface Outlook {
  /**
   * `plan`: it would start at once. `wakes`: a request would wake the host `node`, or waits for it. `waits_for_idle`: its
   * victims are still used. `blocked`: it would wait for room. `impossible`: no node could load it.
   */
  readonly kind: 'plan' | 'wakes' | 'waits_for_idle' | 'blocked' | 'impossible';
  readonly node?: string | undefined;
  /** `wakes`: how long the host takes at most. */
  readonly wakeMs?: number | undefined;
  readonly needMib?: number | undefined;
  /** False: a node is asked what the model needs before its load, which may then go elsewhere. */
  readonly isNeedEstimated: boolean;
  readonly victims: readonly Victim[];
  readonly candidates: readonly Candidate[];
}

/** How a model stands, and what a request for it would lead to, as data. */
export interface ModelExplanation {
  readonly model: string;
  /** The only node that was asked about; undefined: all. */
  readonly node: string | undefined;
  /** Requests do not load it, only the operator does. */
  readonly isManual: boolean;
  readonly waiting: number;
  /** Of the requests that wait, ms; undefined: none waits. */
  readonly oldestWaitMs: number | undefined;
  readonly replicas: readonly {
    readonly node: string;
    readonly status: string;
    readonly isReady: boolean;
    /** It is about to be ready. */
    readonly isUnderWay: boolean;
    /** Requests on it. */
    readonly load: number;
    /** Requests failed there; undefined: they did not. */
    readonly circuit: OpenCircuit | undefined;
    /** Undefined: it has the settings of models.toml. */
    readonly mismatch: ConfigMismatch | undefined;
  }[];
  readonly outlook: Outlook;
}

interface ExplainedModel {
  readonly model: string;
  /** The only node; undefined: any. */
  readonly node?: string | undefined;
}

/** Whether a load would start without asking a node first what the model needs. */
function isNeedEstimated(state: DecideState, model: string): boolean {
  const { mib, asked, awaited } = state.estimates.get(model) ?? {};
  if (awaited !== undefined) return false;
  const isAsked = mib !== undefined || (asked?.size ?? 0) > 0;
  return isAsked || measuredMib(state, model) !== undefined;
}

function outlookOf(state: DecideState, asked: ExplainedModel, isManual: boolean): Outlook {
  return {
    ...placeOf(state, asked, isManual),
    isNeedEstimated: isNeedEstimated(state, asked.model),
  };
}

/** Where a load goes with what is known now. */
function placeOf(
  state: DecideState,
  { model, node }: ExplainedModel,
  isManual: boolean,
): Omit<Outlook, 'isNeedEstimated'> {
  state.backOff.countSince(-Infinity);
  const placement = place(state, { model, node, tried: [], mayEvict: true, isUrgent: isManual });
  const { candidates } = placement;
  if (placement.kind === 'plan' && !placement.fit.isWaiting) {
    const { set, victims } = placement.fit;
    return { kind: 'plan', node: placement.node, needMib: set.needMib, victims, candidates };
  }
  const host = hostToWake(state, { model, node });
  if (host) {
    return { kind: 'wakes', node: host.name, wakeMs: host.wakeMs, victims: [], candidates };
  }
  if (placement.kind !== 'plan') {
    const isStuck = placement.kind === 'impossible' || placement.isStuck;
    return { kind: isStuck ? 'impossible' : 'blocked', victims: [], candidates };
  }
  const { set, victims } = placement.fit;
  return {
    kind: 'waits_for_idle',
    node: placement.node,
    needMib: set.needMib,
    victims,
    candidates,
  };
}

function mismatchOf(
  snapshot: FleetSnapshot,
  { node: name, model }: Replica,
): ConfigMismatch | undefined {
  const node = snapshot.nodes.get(name);
  return node && configMismatch(snapshot, node, model);
}

/** Changes nothing. */
export function explainModel(state: DecideState, asked: ExplainedModel): ModelExplanation {
  const { model, node } = asked;
  const { replicasByModel, catalogue } = state.snapshot;
  const isManual = catalogue.get(model)?.load === 'manual';
  const oldestMs = state.queues.get(model)?.oldestMs;
  const replicas = (replicasByModel.get(model) ?? []).filter(
    (replica) =>
      replica.isNodeUp &&
      replica.status !== 'unloaded' &&
      (node === undefined || replica.node === node),
  );
  return {
    model,
    node,
    isManual,
    waiting: state.waiting(model),
    oldestWaitMs: oldestMs === undefined ? undefined : state.nowMs - oldestMs,
    replicas: replicas.map((replica) => ({
      node: replica.node,
      status: replica.status,
      isReady: replica.isReady,
      isUnderWay: stateTraits(replica.status).underWay,
      load: replicaLoad(replica, state.leases.on(model, replica.node)),
      circuit: state.circuits.open(replica, state.nowMs)[0],
      mismatch: mismatchOf(state.snapshot, replica),
    })),
    outlook: outlookOf(state, asked, isManual),
  };
}
