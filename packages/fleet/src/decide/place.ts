/** On which node a model is loaded, and what leaves for it. */
import type { Lacking } from '../feasibility.ts';
import type { DecideState } from './decide-state.ts';
import { type Newcomer, newcomerOf } from './evictable.ts';
import { expectedSpeed, speedRanks } from './expected-speed.ts';
import { type Fit, fitNode, type Obstacles } from './fit-node.ts';
import type { Candidate, ExpectedSpeed } from './record.ts';
import {
  compareRanks,
  isWorseKind,
  loadOn,
  type Option,
  type PlaceQuestion,
  survey,
} from './survey.ts';

export type Placement =
  | {
      readonly kind: 'plan';
      readonly node: string;
      readonly fit: Fit;
      readonly candidates: readonly Candidate[];
    }
  /** It waits for one of these nodes; `nextMs`: when the answer may change without an event. */
  | {
      readonly kind: 'blocked';
      readonly nodes: readonly string[];
      readonly nextMs: number;
      /** Nothing that leaves by itself would make room. */
      readonly isStuck: boolean;
      readonly candidates: readonly Candidate[];
    }
  /** No node that is up can load it. */
  | { readonly kind: 'impossible'; readonly candidates: readonly Candidate[] };

interface Choice {
  readonly option: Option;
  readonly fit: Fit;
  readonly speedWeight: number;
  /** Undefined: not known. */
  readonly speed: ExpectedSpeed | undefined;
}

/** A choice with its rank by speed among the others. */
interface Ranked extends Choice {
  readonly speedRank: number;
}

/** Among equals in rank: nobody to wait for, nobody to evict, the cheapest, the fastest, the most room, the name. */
function compareChoices(a: Ranked, b: Ranked): number {
  return (
    Number(a.fit.isWaiting) - Number(b.fit.isWaiting) ||
    Number(a.fit.victims.length > 0) - Number(b.fit.victims.length > 0) ||
    a.fit.cost - b.fit.cost ||
    b.speedRank - a.speedRank ||
    b.fit.freeMib - a.fit.freeMib ||
    (a.option.node.name < b.option.node.name ? -1 : 1)
  );
}

function bestOf(choices: readonly Choice[]): Choice | undefined {
  const ranks = speedRanks(choices);
  let best: Ranked | undefined;
  for (const [index, choice] of choices.entries()) {
    const ranked = { ...choice, speedRank: ranks[index] ?? 0 };
    if (!best || compareChoices(ranked, best) < 0) best = ranked;
  }
  return best;
}

/** Options of equal rank, best first. */
function* groups(options: readonly Option[]): Generator<readonly Option[]> {
  let group: Option[] = [];
  for (const option of options) {
    const [first] = group;
    if (first && compareRanks(first.rank, option.rank) !== 0) {
      yield group;
      group = [];
    }
    group.push(option);
  }
  if (group.length > 0) yield group;
}

interface BlockedOption extends Obstacles {
  readonly option: Option;
}

interface GroupResult {
  readonly choice: Choice | undefined;
  readonly blocked: readonly BlockedOption[];
  readonly nextMs: number;
}

function choose(
  state: DecideState,
  group: readonly Option[],
  how: { readonly newcomer: Newcomer; readonly mayEvict: boolean },
): GroupResult {
  const choices: Choice[] = [];
  let nextMs = Infinity;
  const blocked: BlockedOption[] = [];
  const { model } = how.newcomer;
  for (const option of group) {
    const { node, sets } = option;
    const result = fitNode(state, node, { sets, ...how });
    if (result.kind === 'fits') {
      const { fit } = result;
      const speed = expectedSpeed(state, node, { model, set: fit.set });
      choices.push({ option, fit, speedWeight: node.speedWeight, speed });
    } else {
      nextMs = Math.min(nextMs, result.nextMs);
      const { haveMib, blockers, isStuck } = result;
      blocked.push({ option, haveMib, blockers, isStuck });
    }
  }
  return { choice: bestOf(choices), blocked, nextMs };
}

/** Sets of victims are searched only where no node of the group has room. */
function chooseInGroup(
  state: DecideState,
  group: readonly Option[],
  { newcomer, mayEvict }: { readonly newcomer: Newcomer; readonly mayEvict: boolean },
): GroupResult {
  const free = choose(state, group, { newcomer, mayEvict: false });
  return free.choice || !mayEvict ? free : choose(state, group, { newcomer, mayEvict: true });
}

/** That requests for the model fail there, and for how long they avoid it. */
function circuitLack(state: DecideState, node: string, model: string): readonly Lacking[] {
  const have = state.circuits.avoidedForMs({ node, model }, state.nowMs);
  return have === undefined ? [] : [{ what: 'circuit', need: 0, have, unit: 'ms' }];
}

interface Considered {
  readonly options: readonly Option[];
  readonly blocked: readonly BlockedOption[];
  readonly choice: Choice | undefined;
}

/** All nodes for the record: what the blocked ones lack, and the others with their rank and their speed. */
function explained(
  state: DecideState,
  model: string,
  { options, blocked, choice }: Considered,
): readonly Candidate[] {
  const obstacles = new Map(blocked.map((found) => [found.option, found]));
  return options.map((option): Candidate => {
    const { haveMib, blockers } = obstacles.get(option) ?? {};
    const [set] = option.sets;
    const need = set?.needMib ?? 0;
    const speed = set && expectedSpeed(state, option.node, { model, set });
    const room: readonly Lacking[] =
      haveMib === undefined ? [] : [{ what: 'free_memory', need, have: haveMib, unit: 'MiB' }];
    return {
      node: option.node.name,
      feasible: haveMib === undefined,
      lacked: [...room, ...circuitLack(state, option.node.name, model)],
      rank: option.rank,
      load: loadOn(state, option.node, model),
      speed: option === choice?.option ? choice.speed : speed,
      blockers,
    };
  });
}

/** Where the model is loaded now. Equal inputs give equal plans. */
export function place(state: DecideState, question: PlaceQuestion): Placement {
  const { model, mayEvict, isUrgent = false } = question;
  const newcomer = newcomerOf(state, model, isUrgent);
  const { options, candidates, hoped } = survey(state, question, newcomer);
  const blocked: BlockedOption[] = [];
  let nextMs = state.backOff.nextEndMs(model);
  let choice: Choice | undefined;
  for (const group of groups(options)) {
    const [first] = group;
    // What never makes room there is not waited for.
    const full = blocked.find(({ isStuck }) => !isStuck);
    if (first && full && isWorseKind(first, full.option)) break;
    const result = chooseInGroup(state, group, { newcomer, mayEvict });
    blocked.push(...result.blocked);
    nextMs = Math.min(nextMs, result.nextMs);
    choice ??= result.choice;
    // A node with busy victims is taken only if no other has idle ones.
    if (result.choice?.fit.isWaiting === false) {
      choice = result.choice;
      break;
    }
  }
  const all = [...candidates, ...explained(state, model, { options, blocked, choice })];
  if (choice)
    return { kind: 'plan', node: choice.option.node.name, fit: choice.fit, candidates: all };
  const nodes = [...hoped, ...blocked.map(({ option }) => option.node.name)];
  // What only failed recently is refused with the reason, not kept waiting for its back-off.
  if (nodes.length === 0) return { kind: 'impossible', candidates: all };
  const isStuck = hoped.length === 0 && blocked.every((option) => option.isStuck);
  return { kind: 'blocked', nodes, nextMs, isStuck, candidates: all };
}

/** The candidates of a placement that does not happen now: also what is in use on the node of a plan that waits. */
export function lackingCandidates(placement: Placement): readonly Candidate[] {
  const { candidates } = placement;
  if (placement.kind !== 'plan') return candidates;
  const { node, fit } = placement;
  const need = fit.set.needMib ?? 0;
  const lacked = [{ what: 'free_memory', need, have: fit.freeMib, unit: 'MiB' }] as const;
  const blockers = fit.victims
    .filter(({ why }) => why === 'starved')
    .map(({ model, freesMib }) => ({ model, heldMib: freesMib, why: 'busy' as const }));
  return candidates.map((candidate) =>
    candidate.node === node ? { ...candidate, feasible: false, lacked, blockers } : candidate,
  );
}
