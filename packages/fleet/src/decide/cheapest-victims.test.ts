import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { cheapestVictims } from './cheapest-victims.ts';
import type { Victim } from './record.ts';

const victim = (model: string, freesMib: number, cost: number, priority = 100): Victim => ({
  model,
  by: 'unload',
  generation: 1,
  freesMib,
  keepsMib: 0,
  loadMs: cost,
  wanted: 1,
  cost,
  priority,
  why: 'idle',
});

const names = (victims: readonly Victim[] | undefined): readonly string[] | undefined =>
  victims?.map(({ model }) => model).toSorted();

/** Every set that frees enough, by exhaustive search. */
function sets(victims: readonly Victim[], missingMib: number): readonly (readonly Victim[])[] {
  const all = Array.from({ length: 2 ** victims.length }, (_, mask) =>
    victims.filter((_victim, index) => (mask & (1 << index)) > 0),
  );
  return all.filter((set) => set.reduce((sum, { freesMib }) => sum + freesMib, 0) >= missingMib);
}

const costOf = (victims: readonly Victim[]): number =>
  victims.reduce((sum, { cost }) => sum + cost, 0);

const anyVictims = (maxLength: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 50 }), fc.nat(2)), {
      maxLength,
    })
    .map((all) =>
      all.map(([frees, cost, priority], index) => victim(`m${index}`, frees, cost, priority)),
    );

describe('The victims of an eviction', () => {
  test('are the large model alone when the small one would not have to go', () => {
    const victims = [victim('embedder', 300, 1), victim('large', 20_000, 20)];

    expect(names(cheapestVictims(victims, 18_000, 'lru'))).toEqual(['large']);
  });

  test('are two cheap models rather than a dear one', () => {
    const victims = [victim('dear', 20, 30), victim('a', 10, 5), victim('b', 10, 6)];

    expect(names(cheapestVictims(victims, 20, 'lru'))).toEqual(['a', 'b']);
  });

  test('are none when all together do not free enough', () => {
    expect(cheapestVictims([victim('a', 10, 5)], 11, 'lru')).toBeUndefined();
  });

  test('with the strategy "priority" are the least important, even if they are dearer', () => {
    const victims = [victim('minor', 10, 50, 10), victim('major', 10, 1, 20)];

    expect(names(cheapestVictims(victims, 10, 'priority'))).toEqual(['minor']);
    expect(names(cheapestVictims(victims, 10, 'lru'))).toEqual(['major']);
  });

  test('cost the least of all sets that free enough, up to 12 residents', () => {
    fc.assert(
      fc.property(anyVictims(10), fc.integer({ min: 1, max: 120 }), (victims, missingMib) => {
        const chosen = cheapestVictims(victims, missingMib, 'lru');
        const costs = sets(victims, missingMib).map(costOf);
        if (costs.length === 0) expect(chosen).toBeUndefined();
        else expect(costOf(chosen ?? [])).toBe(Math.min(...costs));
      }),
    );
  });

  test('include none without which the rest would free enough, however many residents there are', () => {
    fc.assert(
      fc.property(anyVictims(20), fc.integer({ min: 1, max: 200 }), (victims, missingMib) => {
        const chosen = cheapestVictims(victims, missingMib, 'lru');
        for (const one of chosen ?? []) {
          const rest = (chosen ?? []).filter((other) => other !== one);
          const freed = rest.reduce((sum, { freesMib }) => sum + freesMib, 0);
          expect(freed).toBeLessThan(missingMib);
        }
      }),
    );
  });

  test('are the same for every order of the residents', () => {
    fc.assert(
      fc.property(anyVictims(14), fc.integer({ min: 1, max: 120 }), (victims, missingMib) => {
        expect(names(cheapestVictims(victims.toReversed(), missingMib, 'lru'))).toEqual(
          names(cheapestVictims(victims, missingMib, 'lru')),
        );
      }),
    );
  });
});
