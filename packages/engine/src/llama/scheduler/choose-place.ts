import type { Place, SavedCandidate, SlotCandidate } from '../cells/place.ts';
import { type CostRates, placeCost, totalMs } from '../cells/place-cost.ts';

export interface PlaceRequest<E> {
  readonly promptTokens: number;
  readonly candidates: readonly SlotCandidate[];
  readonly saved: readonly SavedCandidate<E>[];
  readonly rates: CostRates;
}

/** A place with its cost, milliseconds. */
export interface PricedPlace<E> {
  readonly place: Place<E>;
  readonly costMs: number;
}

/**
 * The place with the lowest cost for a prompt; among equal costs, the longest idle slot. Undefined if no slot is free.
 */
export function choosePlace<E>(request: PlaceRequest<E>): Place<E> | undefined {
  let best: PricedPlace<E> | undefined;
  for (const priced of pricedPlaces(request))
    if (best === undefined || priced.costMs < best.costMs) best = priced;
  return best?.place;
}

/** All possible places of a prompt, those in the longest idle slot first. */
export function pricedPlaces<E>(request: PlaceRequest<E>): PricedPlace<E>[] {
  const { promptTokens, candidates, saved, rates } = request;
  const free = candidates
    .filter(({ slot }) => !slot.isBusy)
    .toSorted((a, b) => a.slot.lastUsedMs - b.slot.lastUsedMs);
  return free.flatMap((target) => {
    const laterConversations = free.filter((other) => isLater(other, target)).length;
    return placesIn(target, candidates, saved).map((place) => {
      const cost = placeCost(place, { promptTokens, target, laterConversations, rates });
      return { place, costMs: totalMs(cost) };
    });
  });
}

const isLater = (a: SlotCandidate, b: SlotCandidate): boolean =>
  a.slot.cells.length > 0 && a.slot.lastUsedMs > b.slot.lastUsedMs;

function placesIn<E>(
  target: SlotCandidate,
  candidates: readonly SlotCandidate[],
  saved: readonly SavedCandidate<E>[],
): Place<E>[] {
  const { slot } = target;
  const place = (kept: number, from: Place<E>['from']): Place<E> => {
    const lost = slot.cells.length - Math.min(target.shared, kept);
    return { slot, kept, lost, from };
  };
  return [
    place(target.kept, { kind: 'own' }),
    ...candidates
      .filter((source) => source !== target && source.copied > 0)
      .map((source) => place(source.copied, { kind: 'slot', slot: source.slot })),
    ...saved
      .filter(({ kept }) => kept > 0)
      .map(({ entry, cells, kept }) => place(kept, { kind: 'saved', entry, cells })),
  ];
}
