/** Loads that the operator asks for: they evict like a request that has waited long, and are kept though nobody waits. */
import { classifyPresent } from '../classify-unserved.ts';
import type { Replica } from '../snapshot.ts';
import { notPlaced, startPlan } from './answer.ts';
import type { DecideState, OperatorLoad } from './decide-state.ts';
import { awaitsEstimate } from './estimates.ts';
import type { Action, DecideRefusal, OperatorAnswer } from './events.ts';
import { keepLoad } from './unwanted-loads.ts';
import { place, type Placement } from './place.ts';
import type { Candidate } from './record.ts';

function readyReplica(state: DecideState, { model, node }: OperatorLoad): Replica | undefined {
  return state.snapshot.replicasByModel
    .get(model)
    ?.find((replica) => replica.isReady && (node === undefined || replica.node === node));
}

/** The candidates of a plan whose victims are in use, which the operator does not wait for. */
function busyCandidates({
  node,
  fit,
  candidates,
}: Extract<Placement, { kind: 'plan' }>): readonly Candidate[] {
  const need = fit.set.needMib ?? 0;
  const lacked = [{ what: 'free_memory', need, have: fit.freeMib, unit: 'MiB' }] as const;
  return candidates.map((candidate) =>
    candidate.node === node ? { ...candidate, feasible: false, lacked } : candidate,
  );
}

function refusalFor(state: DecideState, call: OperatorLoad, placement: Placement): DecideRefusal {
  const candidates = placement.kind === 'plan' ? busyCandidates(placement) : placement.candidates;
  return notPlaced(state, { ...call, tried: [] }, candidates);
}

/** Undefined: the answer depends on what a node is still to say. */
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
  return { kind: 'refused', refusal: refusalFor(state, call, placement) };
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
