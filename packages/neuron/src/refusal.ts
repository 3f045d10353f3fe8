import type { CortexError } from '@cortex/protocol';

const refusals = new WeakSet<CortexError>();

/**
 * Marks an error as a refusal: no work was done for the request, so the caller may send it to another replica.
 *
 * The edge adds `x-neuron-refused: 1` to the answer of a marked error and to no other.
 */
export function refuse(error: CortexError): CortexError {
  refusals.add(error);
  return error;
}

/** Whether `refuse` marked this very error. */
export const isRefusal = (error: CortexError): boolean => refusals.has(error);
