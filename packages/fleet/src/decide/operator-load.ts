/** Loads that the operator asks for: they wake hosts and evict like a request that has waited long, and are kept though nobody waits. */
import { classifyPresent } from '../classify-unserved.ts';
import type { Replica } from '../snapshot.ts';
import { notPlaced, startPlan } from './answer.ts';
import type { DecideState, OperatorLoad } from './decide-state.ts';
import { awaitsEstimate } from './estimates.ts';
import type { Action, OperatorAnswer } from './events.ts';
import { keepLoad } from './unwanted-loads.ts';
import { wake } from './wake.ts';
import { lackingCandidates, place } from './place.ts';

function readyReplica(state: DecideState, { model, node }: OperatorLoad): Replica | undefined {
  return state.snapshot.replicasByModel
    .get(model)
    ?.find((replica) => replica.isReady && (node === undefined || replica.node === node));
}

/** Undefined: the answer depends on what a node is still to say, or on a host that is being woken. */
function answerTo(
  state: DecideState,
  call: OperatorLoad,
  actions: Action[],
): OperatorAnswer | undefined {
  const { model, node } = call;
  const ready = readyReplica(state, call);
  if (ready) return { kind: 'present', node: ready.node, status: 'loaded' };
  const present = classifyPresent(state.snapshot, { model, node, tried: [] });
  switch (present?.kind) {
    case 'loading':
      keepLoad(state, present.replica, actions);
      return { kind: 'started', node: present.replica.node };
    case 'pending':
      return { kind: 'pending' };
    case 'refused':
      return { kind: 'refused', refusal: present.refusal };
    case undefined:
      break;
  }
  if (awaitsEstimate(state, model, actions)) return undefined;
  // The operator decides when to try again.
  state.backOff.countSince(Infinity);
  const placement = place(state, { model, node, tried: [], mayEvict: true, isUrgent: true });
  if (placement.kind === 'plan' && !placement.fit.isWaiting) {
    startPlan(state, { model, placement, why: 'operator', isDetached: true }, actions);
    return { kind: 'started', node: placement.node };
  }
  if (wake(state, call, actions)) return undefined;
  const refusal = notPlaced(state, { ...call, tried: [] }, lackingCandidates(placement));
  return { kind: 'refused', refusal };
}

/** Answers the operator's calls for the model. */
export function answerOperator(state: DecideState, model: string, actions: Action[]): void {
  for (const [callId, call] of state.operatorLoads) {
    if (call.model !== model) continue;
    const answer = answerTo(state, call, actions);
    if (!answer) continue;
    state.operatorLoads.delete(callId);
    actions.push({ kind: 'operator_answer', callId, model, answer });
  }
}
