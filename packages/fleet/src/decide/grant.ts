import type { Replica } from '../snapshot.ts';
import { replicaLoad } from '../replica-load.ts';
import type { DecideState } from './decide-state.ts';
import type { Action, FleetRequest } from './events.ts';
import type { GrantRecord } from './record.ts';

interface Chosen {
  readonly replica: Replica;
  readonly by: GrantRecord['by'];
}

/** Whether conversations can hold models: not if there is only one. Their keys cost time to compute. */
const mayBeHeld = ({ settings, snapshot: { replicasByModel, catalogue } }: DecideState): boolean =>
  settings.holdMs > 0 && (replicasByModel.size > 1 || catalogue.size > 1);

/** Takes a lease on the chosen replica. */
export function grant(
  state: DecideState,
  request: FleetRequest,
  { replica, by }: Chosen,
  actions: Action[],
): void {
  const { id, model, weight, arrivedMs } = request;
  const affinityKey = mayBeHeld(state) ? request.affinityKey : undefined;
  const { node } = replica;
  const load = replicaLoad(replica, state.leases.on(model, node));
  const leaseId = state.leases.take({ model, node, weight, affinityKey });
  state.facts.of(node, model).lastGrantMs = state.nowMs;
  if (affinityKey !== undefined) state.sessions.asked(affinityKey, model, arrivedMs);
  const replicas = state.snapshot.replicasByModel.get(model)?.length ?? 0;
  const record = { by, load, waitedMs: state.nowMs - arrivedMs, replicas };
  actions.push({ kind: 'grant', requestId: id, leaseId, model, node, record });
}
