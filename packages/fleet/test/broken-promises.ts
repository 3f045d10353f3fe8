import { stateTraits } from '@cortex/protocol';

import { keepsTooMuch } from '../src/decide/leavers.ts';
import { takenOn } from '../src/decide/node-room.ts';
import type { Reservation } from '../src/decide/decide-state.ts';
import type { Action, DecideState, FleetRequest, NodeSnapshot } from '../src/index.ts';
import { hasRoom } from '../src/replica-load.ts';

/**
 * What must always be true of a state between two events (fleet design): memory is never promised twice, a request is
 * in one place, and the sums agree with what they sum. Empty: all holds.
 */
export function brokenPromises(state: DecideState): readonly string[] {
  return [...memory(state), ...sums(state), ...circuits(state)];
}

/**
 * What must always be true of grants, in the state after their event: a replica that requests avoid gets one only to try
 * it again, or if no other that the request may use has room.
 */
export function* brokenGrants(
  state: DecideState,
  actions: readonly Action[],
  requestOf: (id: string) => FleetRequest | undefined,
): Generator<string> {
  const { circuits, leases, nowMs, snapshot } = state;
  for (const action of actions) {
    const request = action.kind === 'grant' ? requestOf(action.requestId) : undefined;
    if (action.kind !== 'grant' || !request || request.weight === 0) continue;
    const { leaseId: id, node, model } = action;
    if (!circuits.isAvoided(action, nowMs) || circuits.isProbe({ id, node, model })) continue;
    const other = snapshot.replicasByModel
      .get(model)
      ?.find(
        (replica) =>
          replica.isReady &&
          (request.node === undefined || replica.node === request.node) &&
          !request.tried.includes(replica.node) &&
          !circuits.isAvoided(replica, nowMs) &&
          !state.isYielding(replica.node, model) &&
          request.weight <= (replica.load?.maxInFlight ?? Infinity) &&
          hasRoom(replica, leases.on(model, replica.node), request.weight),
      );
    if (other) yield `${id} went to ${node}, which is avoided, though ${other.node} has room`;
  }
}

/**
 * One of its victims stays, comes back for another cortex, or keeps more memory asleep than the plan allows, so it will
 * be made anew.
 */
const isVoid = ({ record, leaving }: Reservation, node: NodeSnapshot): boolean =>
  record.victims.some(({ model, keepsMib }) => {
    const replica = node.replicas.get(model);
    const { serves, underWay } = stateTraits(replica?.status ?? 'unloaded');
    return !leaving.has(model) && (serves || underWay || keepsTooMuch(replica, keepsMib));
  });

function* memory(state: DecideState): Generator<string> {
  for (const node of state.snapshot.nodes.values()) {
    const loads = node.residents.flatMap(({ model }) => state.reservation(node.name, model) ?? []);
    const sound = loads.filter((load) => !isVoid(load, node));
    if (sound.length === 0) continue;
    const voidModels = new Set(
      loads.filter((load) => isVoid(load, node)).map(({ model }) => model),
    );
    for (const device of node.devices) {
      let takenMib = 0;
      for (const replica of node.residents) {
        // A victim that leaves has promised its memory to the newcomer; a plan that is void takes none.
        const isLeaving = state.leavingTo(node.name, replica.model) !== undefined;
        if (isLeaving || voidModels.has(replica.model)) continue;
        takenMib += takenOn(state, node, { replica, device });
      }
      const usableMib = device.totalMib - device.reservedMib - device.foreignMib;
      if (takenMib > usableMib + 1) {
        yield `${node.name}: ${takenMib} MiB of device ${device.index} are promised, it has ${usableMib}`;
      }
    }
  }
}

function* circuits({ circuits: table, snapshot }: DecideState): Generator<string> {
  for (const { name, state } of snapshot.nodes.values()) {
    if (table.has(name) && state !== 'up') yield `failures of ${name} are kept, which is ${state}`;
  }
}

function* sums(state: DecideState): Generator<string> {
  for (const [model, queue] of state.queues) {
    if (queue.size === 0) yield `an empty queue of ${model} is kept`;
    const ids = [...queue.inOrder()].map(({ request }) => request.id);
    if (new Set(ids).size !== ids.length) yield `a request waits twice for ${model}`;
  }
  for (const [model, byNode] of state.reservations) {
    for (const node of byNode.keys()) {
      const status = state.snapshot.nodes.get(node)?.replicas.get(model)?.status;
      if (status === undefined) yield `a load of ${model} on ${node} is not in the snapshot`;
    }
  }
  for (const [node, model] of state.claims) {
    if (!state.queues.has(model)) yield `${node} is kept for ${model}, for which nobody waits`;
  }
}
