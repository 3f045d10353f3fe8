/** One pass for a model whose plan may have changed: grant, wait, place, expire. */
import { answer, refuse, type Waits } from './answer.ts';
import { noteClaimEnds } from './claims.ts';
import { tooLong } from './come-back.ts';
import type { DecideState } from './decide-state.ts';
import type { Action, FleetRequest } from './events.ts';
import { followCatalogue } from './follow-catalogue.ts';
import { releaseClaimsOf } from './loads.ts';
import { answerOperator } from './operator-load.ts';
import { noteNext } from './replan.ts';
import { cancelKept, cancelSurplus } from './unwanted-loads.ts';
import { keepReplicas, wantAnother } from './want-replicas.ts';
import type { Waiter, WaitingQueue } from './waiting-queue.ts';

/** Equal for requests with the same choice of nodes: if one is blocked, so is the other. */
const constraintOf = ({ node = '', tried, weight }: FleetRequest): string =>
  `${weight === 0 ? 'file' : ''}${node}${tried.length === 0 ? '' : ` ${tried.join(' ')}`}`;

/** What each group of equal requests waits for. */
type Blocked = ReadonlyMap<string, Waits>;

const ROOM: Waits = { kind: 'waits', waitedFor: 'room' };

/** Answers the requests in order of arrival; of equal requests only the first that has to wait is looked at. */
function answerInOrder(state: DecideState, queue: WaitingQueue, actions: Action[]): Blocked {
  const blocked = new Map<string, Waits>();
  for (const { request } of queue.inOrder()) {
    const constraint = constraintOf(request);
    // A request that may use any node takes the next seat anywhere: one for a single node does not overtake it.
    const isBehind = request.weight > 0 && blocked.get('')?.waitedFor === 'seat';
    if (blocked.has(constraint) || isBehind) continue;
    const told = answer(state, request, actions);
    if (told.kind !== 'waits') continue;
    blocked.set(constraint, told);
    if (constraint === '' && !queue.hasBound) break;
  }
  return blocked;
}

function expire(
  state: DecideState,
  { queue, blocked }: { readonly queue: WaitingQueue; readonly blocked: Blocked },
  actions: Action[],
): void {
  const { nowMs } = state;
  if (nowMs < queue.deadlineMs) return;
  for (const { request, holdUntilMs, hardMs } of queue.inOrder()) {
    const waitedFor = blocked.get(constraintOf(request)) ?? blocked.get('') ?? ROOM;
    const isOver = nowMs >= hardMs || (waitedFor.waitedFor === 'pull' && nowMs >= holdUntilMs);
    if (!isOver) continue;
    refuse(state, request, tooLong(state, request, waitedFor), actions);
  }
}

function passQueue(state: DecideState, model: string, actions: Action[]): void {
  const queue = state.queues.get(model);
  if (!queue) return;
  const blocked = answerInOrder(state, queue, actions);
  expire(state, { queue, blocked }, actions);
  if (queue.size === 0) {
    state.queues.delete(model);
    releaseClaimsOf(state, model);
    cancelSurplus(state, model, actions);
    return;
  }
  queue.refreshDeadline(state.nowMs);
  noteNext(state, model, queue.deadlineMs);
  noteClaimEnds(state, model);
  state.backOff.countSince(-Infinity);
  if (blocked.get('')?.waitedFor === 'seat') wantAnother(state, model, actions);
}

/** Plans a model again. */
export function pass(state: DecideState, model: string, actions: Action[]): void {
  state.nextMs.delete(model);
  passQueue(state, model, actions);
  cancelKept(state, model, actions);
  state.backOff.countSince(-Infinity);
  followCatalogue(state, model, actions);
  keepReplicas(state, model, actions);
  answerOperator(state, model, actions);
}

/** The request with its deadlines, measured from its arrival. */
export function waiterOf(state: DecideState, request: FleetRequest): Waiter {
  const { maxWaitMs, maxHoldMs } = state.settings;
  const { arrivedMs, stream } = request;
  const hardMs = arrivedMs + (stream ? maxWaitMs : maxHoldMs);
  return { request, holdUntilMs: Math.min(arrivedMs + maxHoldMs, hardMs), hardMs };
}
