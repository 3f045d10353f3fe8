import type { Replica } from '../snapshot.ts';
import { replicaLoad } from '../replica-load.ts';
import type { DecideState } from './decide-state.ts';
import type { Action, FleetRequest } from './events.ts';
import type { GrantRecord } from './record.ts';

interface Chosen {
  readonly replica: Replica;
  readonly by: GrantRecord['by'];
}

/** Whether a conversation can hold a model of the node. Its key costs time to compute. */
const mayBeHeld = (state: DecideState, node: string): boolean =>
  state.settings.holdMs > 0 && state.isContended(node);

/** Not `readyCount`, which counts all models after each change of the fleet: with 200 nodes half of the p99 of a grant. */
function readyReplicas({ snapshot }: DecideState, model: string): number {
  let count = 0;
  for (const { isReady } of snapshot.replicasByModel.get(model) ?? []) if (isReady) count += 1;
  return count;
}

/** Takes a lease on the chosen replica. */
export function grant(
  state: DecideState,
  request: FleetRequest,
  { replica, by }: Chosen,
  actions: Action[],
): void {
  const { id, model, weight, arrivedMs } = request;
  const { node } = replica;
  const affinityKey = mayBeHeld(state, node) ? request.affinityKey?.() : undefined;
  const load = replicaLoad(replica, state.leases.on(model, node));
  const { nowMs } = state;
  const leaseId = state.leases.take({ model, node, weight, affinityKey, grantedMs: nowMs });
  const isTold = weight > 0 && state.circuits.has(node);
  const circuit = isTold ? state.circuits.granted({ id: leaseId, model, node }, nowMs) : undefined;
  state.facts.of(node, model).lastGrantMs = nowMs;
  if (affinityKey !== undefined) state.sessions.asked(affinityKey, model, arrivedMs);
  const replicas = readyReplicas(state, model);
  const record = { by, load, waitedMs: nowMs - arrivedMs, replicas, circuit };
  actions.push({ kind: 'grant', requestId: id, leaseId, model, node, record });
}
