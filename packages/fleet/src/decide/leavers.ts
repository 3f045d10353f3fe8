/** Which residents of a node may leave for a newcomer, and how: asleep, or unloaded. */
import { memoryOf } from '../node-devices.ts';
import type { NodeSnapshot, Replica } from '../snapshot.ts';
import { cheapestVictims } from './cheapest-victims.ts';
import type { DecideState } from './decide-state.ts';
import {
  evictionOf,
  idleMsOf,
  type Newcomer,
  residencyPriorityOf,
  staysFor,
  wantedOf,
} from './evictable.ts';
import { leavesAsleep, loadMs, wakeMs } from './need.ts';
import { type DeviceSet, takenOn } from './node-room.ts';
import type { Blocker, Victim } from './record.ts';
import type { DecideSettings } from './settings.ts';

/** A resident that may leave, and how. */
interface Leaver {
  readonly unload: Victim;
  /** Absent: it cannot, or that frees nothing. */
  readonly sleep: Victim | undefined;
}

interface Leavers {
  readonly idle: readonly Leaver[];
  readonly busy: readonly Leaver[];
  /** Those that may not, the busy ones among them. */
  readonly blockers: readonly Blocker[];
  /** MiB of those that stay until somebody else takes them away. */
  readonly stuckMib: number;
  /** When the first protection of a resident ends. */
  readonly nextMs: number;
}

const takenOnSet = (
  state: DecideState,
  node: NodeSnapshot,
  { replica, set }: { readonly replica: Replica; readonly set: DeviceSet },
): number =>
  set.devices.reduce((total, { device }) => total + takenOn(state, node, { replica, device }), 0);

/** How a replica that holds `heldMib` on the devices of a set may leave. */
function leaverOf(
  state: DecideState,
  replica: Replica,
  {
    set,
    heldMib,
    why,
  }: { readonly set: DeviceSet; readonly heldMib: number; readonly why: Victim['why'] },
): Leaver {
  const { node, model, generation } = replica;
  const wanted = wantedOf(state, replica);
  const priority = residencyPriorityOf(state, model);
  const idleMs = idleMsOf(state, replica);
  const common = { model, generation, idleMs, wanted, priority, why };
  const reloadMs = loadMs(state, node, model);
  const unload: Victim = {
    ...common,
    by: 'unload',
    freesMib: heldMib,
    keepsMib: 0,
    loadMs: reloadMs,
    cost: reloadMs * wanted,
  };
  const keepsMib = state.facts.find(node, model)?.asleepMib ?? 0;
  const freesMib = heldMib * (1 - keepsMib / Math.max(1, memoryOf(replica) ?? 0));
  // Asleep it holds RAM instead.
  const needsRam = set.devices.some(({ device }) => device.isCpu);
  if (!leavesAsleep(replica) || needsRam || freesMib <= 0) return { unload, sleep: undefined };
  const backMs = wakeMs(state, node, model);
  const cost = backMs * wanted;
  const sleep: Victim = { ...common, by: 'sleep', freesMib, keepsMib, loadMs: backMs, cost };
  return { unload, sleep };
}

/** Whether a victim holds more memory asleep than its plan allows, which makes the plan void. */
export const keepsTooMuch = (replica: Replica | undefined, keepsMib: number): boolean =>
  replica?.status === 'sleeping' && (replica.vramUsedMb ?? 0) > keepsMib;

/** The cheapest set that frees enough: asleep where they can be, else unloaded. */
export function leave(
  leavers: readonly Leaver[],
  missingMib: number,
  strategy: DecideSettings['strategy'],
): readonly Victim[] | undefined {
  const unloaded = leavers.map(({ unload }) => unload);
  if (leavers.every(({ sleep }) => sleep === undefined))
    return cheapestVictims(unloaded, missingMib, strategy);
  const asleep = leavers.map(({ sleep, unload }) => sleep ?? unload);
  return (
    cheapestVictims(asleep, missingMib, strategy) ?? cheapestVictims(unloaded, missingMib, strategy)
  );
}

/** The residents that may leave for the newcomer, and hold memory on the devices of the set. */
export function leaversOn(
  state: DecideState,
  node: NodeSnapshot,
  { set, newcomer }: { readonly set: DeviceSet; readonly newcomer: Newcomer },
): Leavers {
  const idle: Leaver[] = [];
  const busy: Leaver[] = [];
  const blockers: Blocker[] = [];
  let stuckMib = 0;
  let nextMs = Infinity;
  for (const replica of node.residents) {
    const eviction = evictionOf(state, node, { replica, newcomer });
    const heldMib = takenOnSet(state, node, { replica, set });
    if (heldMib <= 0) continue;
    const { model } = replica;
    if (eviction.kind === 'never') {
      if (eviction.why === 'own') continue;
      blockers.push({ model, heldMib, why: eviction.why });
      if (staysFor(state, replica, eviction.why)) stuckMib += heldMib;
      continue;
    }
    if (eviction.kind === 'protected') {
      const { untilMs, why } = eviction;
      nextMs = Math.min(nextMs, untilMs);
      blockers.push({ model, heldMib, why, forMs: untilMs - state.nowMs });
      continue;
    }
    if (eviction.kind === 'busy') blockers.push({ model, heldMib, why: 'busy' });
    const isStarved = eviction.kind === 'busy' || eviction.starved;
    const why = isStarved ? 'starved' : 'idle';
    const leaver = leaverOf(state, replica, { set, heldMib, why });
    (eviction.kind === 'busy' ? busy : idle).push(leaver);
  }
  return { idle, busy, blockers, stuckMib, nextMs };
}
