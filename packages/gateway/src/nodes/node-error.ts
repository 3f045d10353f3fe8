import { CortexError, toCortexError } from '@cortex/protocol';

import { ConnectError, ConnectionLost, WireError } from '../wire/wire-error.ts';

/**
 * Converts the rejection of a request to a node into an error for clients. It names the node and contains no text
 * of the runtime.
 *
 * @returns `node_protocol_error`, `node_unreachable`, the same CortexError, or `internal_error` for other errors
 */
export function toNodeError(thrown: unknown, node: string): CortexError {
  if (thrown instanceof WireError) {
    return new CortexError(
      'node_protocol_error',
      `Node ${node} sent an invalid HTTP answer: ${thrown.message}.`,
      { cause: thrown },
    );
  }
  if (thrown instanceof ConnectError || thrown instanceof ConnectionLost) {
    return new CortexError(
      'node_unreachable',
      `Node ${node} could not be reached: ${thrown.message}.`,
      { cause: thrown },
    );
  }
  return toCortexError(thrown);
}
