/** Hosts that sleep and are woken for requests and for loads by the operator. */
import type { DecideState } from './decide-state.ts';
import type { Action } from './events.ts';
import { noteNext } from './replan.ts';
import { hasOverslept, isSleeper } from './sleep.ts';
import { couldHold } from './survey.ts';

interface WakeQuestion {
  readonly model: string;
  /** The only host; undefined: any. */
  readonly node?: string | undefined;
}

interface Sleeper {
  readonly name: string;
  /** How long it takes at most. */
  readonly wakeMs: number;
}

/** The hosts that sleep, can be woken, and could hold the model. */
function* sleepers(state: DecideState, { model, node }: WakeQuestion): Generator<Sleeper> {
  for (const asleep of state.snapshot.nodes.values()) {
    const { name, wakeMs } = asleep;
    if (!isSleeper(asleep) || wakeMs === undefined) continue;
    if ((node !== undefined && name !== node) || !couldHold(state, asleep, model)) continue;
    yield { name, wakeMs };
  }
}

/** Wakes a node that may hold the model when no node that is up has room for it now; false: there is none. */
export function wake(state: DecideState, question: WakeQuestion, actions: Action[]): boolean {
  const { model } = question;
  for (const { name, wakeMs } of sleepers(state, question)) {
    const untilMs = state.waking.get(name);
    if (untilMs !== undefined && untilMs > state.nowMs) {
      noteNext(state, model, untilMs);
      return true;
    }
    // It did not come up in its time: these requests are refused, and a later one tries again.
    if (state.waking.delete(name)) continue;
    state.waking.set(name, state.nowMs + wakeMs);
    noteNext(state, model, state.nowMs + wakeMs);
    actions.push({ kind: 'wake_node', node: name, forMs: wakeMs });
    return true;
  }
  return false;
}

/** The host that is being woken for the model, and when it is given up; undefined: none is. */
export function hostThatWakes(
  state: DecideState,
  question: WakeQuestion,
): { readonly name: string; readonly untilMs: number } | undefined {
  for (const { name } of sleepers(state, question)) {
    const untilMs = state.waking.get(name) ?? -Infinity;
    if (untilMs > state.nowMs) return { name, untilMs };
  }
  return undefined;
}

/** The host that a request would wake, or is already waiting for; undefined: none. Changes nothing. */
export function hostToWake(state: DecideState, question: WakeQuestion): Sleeper | undefined {
  for (const sleeper of sleepers(state, question)) {
    if (!hasOverslept(state, sleeper.name)) return sleeper;
  }
  return undefined;
}
