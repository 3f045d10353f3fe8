/** What a load takes of the memory of its devices, and what it leaves. */
import type { DecideState } from './decide-state.ts';
import type { Fit } from './fit-node.ts';
import { isAutomatic, needMib } from './need.ts';

interface Share {
  /** MiB that the load will take; undefined: not known. */
  readonly takesMib: number | undefined;
  /** MiB that it is not to exceed; undefined: it may take what is free. */
  readonly limitMib: number | undefined;
}

/**
 * With automatic context and slots a model takes what is free. Of its victims, those that are most wanted and have room
 * beside it with the least with which they serve are left that room: else they would evict it when they come back.
 */
export function shareMemory(
  state: DecideState,
  { node, model, fit }: { readonly node: string; readonly model: string; readonly fit: Fit },
): Share {
  const { set, victims, freeMib } = fit;
  const need = set.needMib;
  const mostMib = state.estimates.get(model)?.mostMib;
  if (need === undefined || mostMib === undefined || !isAutomatic(state, model)) {
    return { takesMib: need, limitMib: undefined };
  }
  const roomMib = victims.reduce((total, { freesMib }) => total + freesMib, freeMib);
  let leftMib = roomMib;
  for (const victim of victims.toSorted((a, b) => b.wanted - a.wanted)) {
    const backMib = needMib(state, node, victim.model);
    const fitsBeside = backMib !== undefined && leftMib - backMib >= need;
    if (victim.by === 'unload' && fitsBeside) leftMib -= backMib;
  }
  const takesMib = Math.max(need, Math.min(leftMib, mostMib));
  return { takesMib, limitMib: takesMib < Math.min(roomMib, mostMib) ? takesMib : undefined };
}
