/** What a request is told: a replica, a refusal, or what it waits for. */
import { classifyPresent, refusalOf } from '../classify-unserved.ts';
import type { LoadQuestion } from '../decision-context.ts';
import { selectFileHolder } from '../select-file-holder.ts';
import { chooseReady, slotsOnceLoaded } from '../choose-ready.ts';
import type { Replica } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import { awaitsEstimate } from './estimates.ts';
import type { Action, DecideRefusal, FleetRequest, WaitedFor } from './events.ts';
import { grant } from './grant.ts';
import { claim, joinLoad, releaseClaimsOf, startLoad } from './loads.ts';
import { lackingCandidates, place, type Placement } from './place.ts';
import type { Candidate, PlacementRecord } from './record.ts';
import { noteBlocked, noteNext } from './replan.ts';
import { cancelUnwanted, keepLoad } from './unwanted-loads.ts';
import { wake } from './wake.ts';

export type Answer = { readonly kind: 'granted' } | { readonly kind: 'refused' } | Waits;

export interface Waits {
  readonly kind: 'waits';
  readonly waitedFor: WaitedFor;
  /** What each node lacks, if it waits for room. */
  readonly candidates?: readonly Candidate[] | undefined;
}

const waits = (waitedFor: WaitedFor): Waits => ({ kind: 'waits', waitedFor });

export function refuse(
  state: DecideState,
  { id, model }: FleetRequest,
  refusal: DecideRefusal,
  actions: Action[],
): Answer {
  const queue = state.queues.get(model);
  const wasWaiting = queue?.remove(id) !== undefined;
  actions.push({ kind: 'refuse', requestId: id, model, refusal });
  if (wasWaiting && queue?.size === 0) cancelUnwanted(state, model, actions);
  return { kind: 'refused' };
}

function granted(
  state: DecideState,
  request: FleetRequest,
  chosen: { readonly replica: Replica; readonly by: 'affinity' | 'load' | 'file' },
  actions: Action[],
): Answer {
  state.queues.get(request.model)?.remove(request.id);
  grant(state, request, chosen, actions);
  return { kind: 'granted' };
}

/** Grants, starts a load, refuses, or says what the request waits for. */
export function answer(state: DecideState, request: FleetRequest, actions: Action[]): Answer {
  state.backOff.countSince(request.arrivedMs);
  if (request.weight === 0) return answerForFile(state, request, actions);
  const choice = chooseReady(state.snapshot, request, state.context);
  switch (choice.kind) {
    case 'node':
      return granted(state, request, choice, actions);
    case 'full':
      return waits('seat');
    case 'too_many':
      return refuse(state, request, { kind: 'too_many_answers', slots: choice.slots }, actions);
    case 'none':
      break;
  }
  const present = classifyPresent(state.snapshot, request);
  switch (present?.kind) {
    case 'loading': {
      const { node, status } = present.replica;
      const target = { model: request.model, node };
      if (request.isHint === true) keepLoad(state, target, actions);
      else joinLoad(state, { ...target, isDetached: false }, actions);
      return waits(status === 'pulling' ? 'pull' : 'load');
    }
    case 'pending':
      return waits('node');
    case 'refused':
      return refuse(state, request, present.refusal, actions);
    case undefined:
      return answerCold(state, request, actions);
  }
}

/** A request for the file of a model only: it starts no load, and waits for nothing but nodes that have not answered. */
function answerForFile(state: DecideState, request: FleetRequest, actions: Action[]): Answer {
  const selection = selectFileHolder(state.snapshot, request, state.context);
  if (selection.kind === 'node') {
    return granted(state, request, { replica: selection.replica, by: 'file' }, actions);
  }
  return selection.kind === 'refused'
    ? refuse(state, request, selection.refusal, actions)
    : waits('node');
}

/** A request for a model that no node has, and that none is loading. */
function answerCold(state: DecideState, request: FleetRequest, actions: Action[]): Answer {
  const { model, tried, node, weight, isHint = false } = request;
  if (state.snapshot.catalogue.get(model)?.load === 'manual') {
    return refuse(state, request, { kind: 'manual' }, actions);
  }
  const slots = slotsOnceLoaded(state.snapshot, model);
  // Checked before the load, so that a model of 40 GB is not loaded for a request that it must refuse.
  if (weight > slots) return refuse(state, request, { kind: 'too_many_answers', slots }, actions);
  if (awaitsEstimate(state, model, actions)) return waits('load');
  const placement = place(state, { model, node, tried, mayEvict: true });
  if (placement.kind === 'impossible' || (placement.kind === 'blocked' && placement.isStuck)) {
    if (wake(state, { model, node }, actions)) return waits('wake');
    // A node that failed before this request may be the reason.
    state.backOff.countSince(-Infinity);
    return refuse(state, request, refusalFor(state, request, placement.candidates), actions);
  }
  performPlacement(state, { model, placement, why: 'waiting', isDetached: isHint }, actions);
  if (placement.kind === 'plan' && !placement.fit.isWaiting) return waits('load');
  // A host that sleeps is woken rather than waiting for room that others use.
  if (wake(state, { model, node }, actions)) return waits('wake');
  return { kind: 'waits', waitedFor: 'room', candidates: lackingCandidates(placement) };
}

function refusalFor(
  state: DecideState,
  request: FleetRequest,
  candidates: readonly Candidate[],
): DecideRefusal {
  const lacks = new Set(candidates.flatMap(({ lacked }) => lacked.map(({ what }) => what)));
  if (lacks.has('files') && !lacks.has('free_memory')) return { kind: 'not_pulled' };
  const isTooLarge =
    candidates.length > 0 &&
    candidates.every(({ lacked }) => lacked.some(({ what }) => what === 'memory'));
  return isTooLarge ? { kind: 'too_large', candidates } : notPlaced(state, request, candidates);
}

/** Why the model was not placed: for one reason, or because nodes lack different things, which the placement knows. */
export function notPlaced(
  state: DecideState,
  question: LoadQuestion,
  candidates: readonly Candidate[],
): DecideRefusal {
  return refusalOf(state.snapshot, question, state.context) ?? { kind: 'no_room', candidates };
}

type Plan = Extract<Placement, { kind: 'plan' }>;

interface Planned {
  readonly model: string;
  readonly placement: Exclude<Placement, { kind: 'impossible' }>;
  readonly why: PlacementRecord['why'];
  readonly isDetached: boolean;
}

/** Starts the load, keeps the node for it, or notes what it waits for. */
export function performPlacement(
  state: DecideState,
  { model, placement, why, isDetached }: Planned,
  actions: Action[],
): void {
  if (placement.kind === 'blocked') {
    // What it had kept for itself does not help.
    releaseClaimsOf(state, model);
    noteBlocked(state, model, placement.nodes);
    noteNext(state, model, placement.nextMs);
    return;
  }
  const { node, fit } = placement;
  if (fit.isWaiting) {
    claim(state, { node, model, fit });
    // Room may come up on any of them first.
    noteBlocked(
      state,
      model,
      placement.candidates.map((candidate) => candidate.node),
    );
    return;
  }
  startPlan(state, { model, placement, why, isDetached }, actions);
}

/** Starts the load of a plan whose victims are idle. */
export function startPlan(
  state: DecideState,
  { model, placement, why, isDetached }: Planned & { readonly placement: Plan },
  actions: Action[],
): void {
  const { node, fit, candidates } = placement;
  const { victims, set } = fit;
  const record = { model, node, candidates, victims, needMib: set.needMib, why };
  startLoad(state, { node, model, fit, record, isDetached }, actions);
}
