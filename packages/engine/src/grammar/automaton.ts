/** Deterministic finite automata, minimised and written as grammar rules, one rule per state. */
import type { GrammarRules } from './grammar-rules.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';

/** A deterministic automaton over symbols that are numbered from 0. */
export interface Machine {
  readonly start: number;
  readonly symbols: number;
  isAccepting(state: number): boolean;
  step(state: number, symbol: number): number;
}

/** The states. `next` has the following state for each symbol, or -1 if there is none. */
export interface Automaton {
  readonly start: number;
  readonly states: readonly State[];
}

interface State {
  readonly isAccepting: boolean;
  readonly next: readonly number[];
}

/** The most states and transitions to explore for one string: about 100 ms. */
const MAX_STATES = 3000;
const MAX_STEPS = 60_000;

/**
 * Minimises `machine`: drops states that lead to no accepting state and merges equivalent ones. Undefined when the
 * language is empty.
 *
 * @param spend - Called with the number of steps, so that several automata share one limit.
 * @throws UnsupportedPattern when there are more than `maxStates`.
 */
export function automatonOf(
  machine: Machine,
  spend: (steps: number) => void,
  maxStates = MAX_STATES,
): Automaton | undefined {
  const explored = explore(machine, spend, maxStates);
  const isLive = reachesEnd(explored);
  if (isLive[0] !== true) return undefined;
  const live = explored.map(({ isAccepting, next }) => ({
    isAccepting,
    next: next.map((state) => (isLive[state] === true ? state : -1)),
  }));
  return joinEqual(live, isLive);
}

function explore(machine: Machine, spend: (steps: number) => void, maxStates: number): State[] {
  const numbers = new Map([[machine.start, 0]]);
  const found = [machine.start];
  const states: State[] = [];
  for (let at = found[0]; at !== undefined; at = found[states.length]) {
    spend(machine.symbols);
    if (found.length > maxStates || states.length * machine.symbols > MAX_STEPS)
      throw new UnsupportedPattern('too many states; shorten it or reduce its bounds');
    const next: number[] = [];
    for (let symbol = 0; symbol < machine.symbols; symbol++) {
      const target = machine.step(at, symbol);
      let number = numbers.get(target);
      if (number === undefined) {
        number = found.length;
        numbers.set(target, number);
        found.push(target);
      }
      next.push(number);
    }
    states.push({ isAccepting: machine.isAccepting(at), next });
  }
  return states;
}

function reachesEnd(states: readonly State[]): boolean[] {
  const before = states.map((): number[] => []);
  for (const [i, { next }] of states.entries())
    for (const target of new Set(next)) before[target]?.push(i);
  const isLive = states.map(() => false);
  const open = states.flatMap((state, i) => (state.isAccepting ? [i] : []));
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (isLive[i] === true) continue;
    isLive[i] = true;
    open.push(...(before[i] ?? []));
  }
  return isLive;
}

/** The most rounds of refinement. Long chains need one round per state and have few states to merge. */
const MAX_ROUNDS = 64;

/** Partitions the states into equivalence classes (Moore), or returns one class per state after too many rounds. */
function joinEqual(states: readonly State[], isLive: readonly boolean[]): Automaton {
  let classes = states.map((state, i) => (isLive[i] === true ? Number(state.isAccepting) : -1));
  let count = 0;
  for (let round = 0; ; round++) {
    const known = new Map<string, number>();
    classes = states.map(({ next }, i) => {
      if (isLive[i] !== true) return -1;
      const key =
        round < MAX_ROUNDS
          ? `${classes[i]}:${next.map((target) => classes[target] ?? -1).join()}`
          : `${i}`;
      const number = known.get(key) ?? known.size;
      known.set(key, number);
      return number;
    });
    if (known.size === count || round >= MAX_ROUNDS) break;
    count = known.size;
  }
  const joined: State[] = [];
  for (const [i, { isAccepting, next }] of states.entries()) {
    const number = classes[i] ?? -1;
    if (number < 0) continue;
    joined[number] ??= { isAccepting, next: next.map((target) => classes[target] ?? -1) };
  }
  return { start: classes[0] ?? 0, states: joined };
}

/** The rule of the language of the automaton. @param symbolRule - The rule of one character out of some symbols. */
export function automatonRule(
  rules: GrammarRules,
  { start, states }: Automaton,
  symbolRule: (symbols: readonly number[]) => string,
): string {
  const arrivals = states.map(() => 0);
  const edges = states.map(({ next }) => edgesOf(next));
  for (const targets of edges)
    for (const target of targets.keys()) arrivals[target] = (arrivals[target] ?? 0) + 1;
  arrivals[start] = 2;
  const names = new Map<number, string>();
  const nameOf = (state: number): string => {
    const name = names.get(state) ?? rules.reserve('text');
    names.set(state, name);
    return name;
  };
  /** One transition and its successors up to the next branch or join. */
  const path = (from: number): string => {
    const parts: string[] = [];
    for (let at = from; ;) {
      const state = states[at];
      const [edge, ...others] = edges[at] ?? [];
      if (edge === undefined) break;
      const isPlain = (arrivals[at] ?? 0) < 2 && others.length === 0;
      if (!isPlain || state?.isAccepting === true) {
        parts.push(nameOf(at));
        break;
      }
      parts.push(symbolRule(edge[1]));
      at = edge[0];
    }
    return parts.join(' ');
  };
  nameOf(start);
  for (const [state, name] of names) {
    const bodies = Array.from(edges[state] ?? [], ([target, symbols]) =>
      `${symbolRule(symbols)} ${path(target)}`.trimEnd(),
    );
    if (states[state]?.isAccepting === true) bodies.push('""');
    rules.define(name, bodies.join(' | '));
  }
  return nameOf(start);
}

/** The symbols that lead to each next state. */
function edgesOf(next: readonly number[]): Map<number, number[]> {
  const edges = new Map<number, number[]>();
  for (const [symbol, target] of next.entries()) {
    if (target < 0) continue;
    const symbols = edges.get(target);
    if (symbols === undefined) edges.set(target, [symbol]);
    else symbols.push(symbol);
  }
  return edges;
}
