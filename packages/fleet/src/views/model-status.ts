import { isModelState, type ModelState, stateTraits } from '@cortex/protocol';

import type { Replica } from '../snapshot.ts';

/** A loaded replica that cannot serve counts as failed, because `loaded` promises a servable replica. */
const statusOf = ({ status, isServable }: Replica): string =>
  stateTraits(status).serves && !isServable ? 'failed' : status;

/**
 * The best state among the replicas of one model; `unloaded` without any. An unknown state of a newer neuron does
 * not count.
 */
export const modelStatus = (replicas: readonly Replica[]): ModelState =>
  replicas
    .map(statusOf)
    .filter(isModelState)
    .toSorted((a, b) => stateTraits(a).rank - stateTraits(b).rank)[0] ?? 'unloaded';
