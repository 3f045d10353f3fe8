import { replicaLoad } from '../replica-load.ts';
import type { OpenCircuit } from './circuit-table.ts';
import type { DecideState } from './decide-state.ts';
import { place } from './place.ts';
import type { Candidate, Victim } from './record.ts';

/** Where a load would go now. */
export interface Outlook {
  /**
   * `plan`: it would start at once. `waits_for_idle`: its victims are still used. `blocked`: it would wait for room.
   * `impossible`: no node could load it.
   */
  readonly kind: 'plan' | 'waits_for_idle' | 'blocked' | 'impossible';
  readonly node?: string | undefined;
  readonly needMib?: number | undefined;
  readonly victims: readonly Victim[];
  readonly candidates: readonly Candidate[];
}

/** How a model stands, and what a request for it would lead to, as data. */
export interface ModelExplanation {
  readonly model: string;
  readonly waiting: number;
  /** Of the requests that wait, ms; undefined: none waits. */
  readonly oldestWaitMs: number | undefined;
  readonly replicas: readonly {
    readonly node: string;
    readonly status: string;
    readonly isReady: boolean;
    /** Requests on it. */
    readonly load: number;
    /** Requests failed there; undefined: they did not. */
    readonly circuit: OpenCircuit | undefined;
  }[];
  readonly outlook: Outlook;
}

function outlookOf(state: DecideState, model: string): Outlook {
  state.backOff.countSince(-Infinity);
  const placement = place(state, { model, tried: [], mayEvict: true });
  const { candidates } = placement;
  if (placement.kind !== 'plan') return { kind: placement.kind, victims: [], candidates };
  const { node, fit } = placement;
  const kind = fit.isWaiting ? 'waits_for_idle' : 'plan';
  return { kind, node, needMib: fit.set.needMib, victims: fit.victims, candidates };
}

/** Changes nothing. */
export function explainModel(state: DecideState, model: string): ModelExplanation {
  const oldestMs = state.queues.get(model)?.oldestMs;
  const replicas = (state.snapshot.replicasByModel.get(model) ?? []).filter(
    ({ isNodeUp, status }) => isNodeUp && status !== 'unloaded',
  );
  return {
    model,
    waiting: state.waiting(model),
    oldestWaitMs: oldestMs === undefined ? undefined : state.nowMs - oldestMs,
    replicas: replicas.map((replica) => ({
      node: replica.node,
      status: replica.status,
      isReady: replica.isReady,
      load: replicaLoad(replica, state.leases.on(model, replica.node)),
      circuit: state.circuits
        .open(replica.node, state.nowMs)
        .find((open) => open.model === undefined || open.model === model),
    })),
    outlook: outlookOf(state, model),
  };
}
