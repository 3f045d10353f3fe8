import { CortexError } from '@cortex/protocol';

/**
 * The error for a node that refused a call because of its credentials, which are those of cortex: the client can
 * change nothing about it.
 *
 * @param sent.hasToken - Whether the call carried a node token.
 * @returns undefined for other statuses
 */
export function tokenRefusal(
  status: number,
  { node, hasToken }: { readonly node: string; readonly hasToken: boolean },
): CortexError | undefined {
  if (status === 401) {
    const what = hasToken ? 'refused the node token' : 'requires a node token, but none is set';
    return new CortexError(
      'node_protocol_error',
      `Node ${node} ${what} (status 401): auth.node_token_file in cortex.toml, or token_file in the [[neurons]] of that node, must name a file with its token (security.node_token_file in its neuron.toml).`,
    );
  }
  if (status !== 403 && status !== 407) return undefined;
  return new CortexError(
    'node_protocol_error',
    `Node ${node} refused the call (status ${status}): the node, or a proxy in front of it, must allow calls from cortex.`,
  );
}
