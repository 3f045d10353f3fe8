/** On which node a model is loaded, and what leaves for it. */
import type { Lacking } from '../feasibility.ts';
import type { DecideState } from './decide-state.ts';
import { type Newcomer, newcomerOf } from './evictable.ts';
import { type Fit, fitNode } from './fit-node.ts';
import type { Candidate } from './record.ts';
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
      readonly candidates: readonly Candidate[];
    }
  /** No node that is up can load it. */
  | { readonly kind: 'impossible'; readonly candidates: readonly Candidate[] };

interface Choice {
  readonly option: Option;
  readonly fit: Fit;
}

/** Among equals in rank: nobody to wait for, nobody to evict, the cheapest, the fastest, the most room, the name. */
function compareChoices(a: Choice, b: Choice): number {
  return (
    Number(a.fit.isWaiting) - Number(b.fit.isWaiting) ||
    Number(a.fit.victims.length > 0) - Number(b.fit.victims.length > 0) ||
    a.fit.cost - b.fit.cost ||
    b.option.node.speedWeight - a.option.node.speedWeight ||
    b.fit.freeMib - a.fit.freeMib ||
    (a.option.node.name < b.option.node.name ? -1 : 1)
  );
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

interface BlockedOption {
  readonly option: Option;
  readonly haveMib: number;
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
  let choice: Choice | undefined;
  let nextMs = Infinity;
  const blocked: BlockedOption[] = [];
  for (const option of group) {
    const result = fitNode(state, option.node, { sets: option.sets, ...how });
    if (result.kind === 'fits') {
      const found = { option, fit: result.fit };
      if (!choice || compareChoices(found, choice) < 0) choice = found;
    } else {
      nextMs = Math.min(nextMs, result.nextMs);
      blocked.push({ option, haveMib: result.haveMib });
    }
  }
  return { choice, blocked, nextMs };
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

/** All nodes for the record: what the blocked ones lack, and the others with their rank. */
function explained(
  state: DecideState,
  model: string,
  { options, blocked }: { options: readonly Option[]; blocked: readonly BlockedOption[] },
): readonly Candidate[] {
  const have = new Map(blocked.map(({ option, haveMib }) => [option, haveMib]));
  return options.map((option): Candidate => {
    const haveMib = have.get(option);
    const need = option.sets[0]?.needMib ?? 0;
    const room: readonly Lacking[] =
      haveMib === undefined ? [] : [{ what: 'free_memory', need, have: haveMib, unit: 'MiB' }];
    return {
      node: option.node.name,
      feasible: haveMib === undefined,
      lacked: [...room, ...circuitLack(state, option.node.name, model)],
      rank: option.rank,
      load: loadOn(state, option.node, model),
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
    const [full] = blocked;
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
  const all = [...candidates, ...explained(state, model, { options, blocked })];
  if (choice)
    return { kind: 'plan', node: choice.option.node.name, fit: choice.fit, candidates: all };
  const nodes = [...hoped, ...blocked.map(({ option }) => option.node.name)];
  // What only failed recently is refused with the reason, not kept waiting for its back-off.
  if (nodes.length === 0) return { kind: 'impossible', candidates: all };
  return { kind: 'blocked', nodes, nextMs, candidates: all };
}
