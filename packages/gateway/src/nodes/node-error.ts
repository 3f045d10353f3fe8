import { CortexError, toCortexError } from '@cortex/protocol';

import { ConnectError, ConnectionLost, WireError } from '../wire/wire-error.ts';

/**
 * What a request to a node was rejected with, as the error that a caller may see. It names the node, and never holds text of
 * the runtime.
 *
 * @returns `node_protocol_error`, `node_unreachable`, a CortexError as it is, `internal_error` for anything else
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
