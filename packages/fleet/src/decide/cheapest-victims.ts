import type { Victim } from './record.ts';
import type { DecideSettings } from './settings.ts';

/** Up to so many the search is exact: 4,096 sets at most. */
const MAX_EXACT = 12;

const costOf = (victims: readonly Victim[]): number =>
  victims.reduce((sum, { cost }) => sum + cost, 0);

const freesOf = (victims: readonly Victim[]): number =>
  victims.reduce((sum, { freesMib }) => sum + freesMib, 0);

const byCost = (a: Victim, b: Victim): number =>
  a.cost - b.cost || b.freesMib - a.freesMib || (a.model < b.model ? -1 : 1);

/** Without the members that are not needed, the dearest dropped first. */
function pruned(victims: readonly Victim[], missingMib: number): readonly Victim[] {
  const kept = victims.toSorted(byCost);
  for (const victim of kept.toReversed()) {
    const others = kept.filter((other) => other !== victim);
    if (freesOf(others) >= missingMib) kept.splice(kept.indexOf(victim), 1);
  }
  return kept;
}

function greedy(victims: readonly Victim[], missingMib: number): readonly Victim[] {
  const chosen: Victim[] = [];
  let freed = 0;
  const byWorth = victims.toSorted(
    (a, b) => a.cost / a.freesMib - b.cost / b.freesMib || byCost(a, b),
  );
  for (const victim of byWorth) {
    if (freed >= missingMib) break;
    chosen.push(victim);
    freed += victim.freesMib;
  }
  return pruned(chosen, missingMib);
}

/** Branch and bound over the victims in the order of their cost. */
function exact(victims: readonly Victim[], missingMib: number): readonly Victim[] {
  const sorted = victims.toSorted(byCost);
  let best = greedy(sorted, missingMib);
  let bestCost = costOf(best);
  const chosen: Victim[] = [];
  const visit = (at: number, freed: number, cost: number): void => {
    if (freed >= missingMib) {
      if (cost < bestCost || (cost === bestCost && chosen.length < best.length)) {
        best = [...chosen];
        bestCost = cost;
      }
      return;
    }
    for (let index = at; index < sorted.length; index += 1) {
      const victim = sorted[index];
      if (!victim || cost + victim.cost > bestCost) return;
      chosen.push(victim);
      visit(index + 1, freed + victim.freesMib, cost + victim.cost);
      chosen.pop();
    }
  };
  visit(0, 0, 0);
  return pruned(best, missingMib);
}

const search = (victims: readonly Victim[], missingMib: number): readonly Victim[] =>
  victims.length <= MAX_EXACT ? exact(victims, missingMib) : greedy(victims, missingMib);

/**
 * The set of victims that frees `missingMib` at the least cost, without a member that is not needed; undefined if all
 * together do not suffice. With `priority` first the set whose highest residency priority is the lowest.
 */
export function cheapestVictims(
  victims: readonly Victim[],
  missingMib: number,
  strategy: DecideSettings['strategy'],
): readonly Victim[] | undefined {
  const useful = victims.filter(({ freesMib }) => freesMib > 0);
  if (freesOf(useful) < missingMib) return undefined;
  if (strategy === 'lru') return search(useful, missingMib);
  const priorities = [...new Set(useful.map(({ priority }) => priority))].toSorted((a, b) => a - b);
  for (const highest of priorities) {
    const allowed = useful.filter(({ priority }) => priority <= highest);
    if (freesOf(allowed) >= missingMib) return search(allowed, missingMib);
  }
  return undefined;
}
