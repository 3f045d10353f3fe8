import { takenOn } from '../src/decide/node-room.ts';
import type { DecideState } from '../src/index.ts';

/**
 * What must always be true of a state between two events (fleet design): memory is never promised twice, a request is
 * in one place, and the sums agree with what they sum. Empty: all holds.
 */
export function brokenPromises(state: DecideState): readonly string[] {
  return [...memory(state), ...sums(state)];
}

function* memory(state: DecideState): Generator<string> {
  for (const node of state.snapshot.nodes.values()) {
    const loads = node.residents.filter(({ model }) => {
      const reservation = state.reservation(node.name, model);
      return reservation !== undefined && !reservation.isVoid;
    });
    if (loads.length === 0) continue;
    for (const device of node.devices) {
      let takenMib = 0;
      for (const replica of node.residents) {
        // A victim that leaves has promised its memory to the newcomer; a plan that is void takes none.
        const isLeaving = state.leavingTo(node.name, replica.model) !== undefined;
        const isVoid = state.reservation(node.name, replica.model)?.isVoid === true;
        if (!isLeaving && !isVoid) takenMib += takenOn(state, node, { replica, device });
      }
      const usableMib = device.totalMib - device.reservedMib - device.foreignMib;
      if (takenMib > usableMib + 1) {
        yield `${node.name}: ${takenMib} MiB of device ${device.index} are promised, it has ${usableMib}`;
      }
    }
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
