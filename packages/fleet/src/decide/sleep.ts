import type { NodeSnapshot } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';

/** A host that may sleep, is not up, and can be woken. */
export const isSleeper = ({ state, isExpectedOffline, wakeMs }: NodeSnapshot): boolean =>
  state !== 'up' && isExpectedOffline && wakeMs !== undefined;

/** It was woken for a request and did not come up in its time. */
export const hasOverslept = ({ waking, nowMs }: DecideState, node: string): boolean =>
  (waking.get(node) ?? Infinity) <= nowMs;

/** `overslept`: it was woken and did not come up in its time. */
export type Sleep = 'asleep' | 'waking' | 'overslept';

/** How a host that can be woken sleeps; undefined for any other node. */
export function sleepOf(state: DecideState, node: NodeSnapshot): Sleep | undefined {
  if (!isSleeper(node)) return undefined;
  if (!state.waking.has(node.name)) return 'asleep';
  return hasOverslept(state, node.name) ? 'overslept' : 'waking';
}
