import type { CortexError } from '@cortex/protocol';

const refusals = new WeakSet<CortexError>();

/**
 * Marks an error as a refusal: no work was done for the request, so it may be sent to another replica.
 *
 * The API adds `x-neuron-refused: 1` to the answers of marked errors only.
 */
export function refuse(error: CortexError): CortexError {
  refusals.add(error);
  return error;
}

/** Whether `refuse` marked this error. */
export const isRefusal = (error: CortexError): boolean => refusals.has(error);
