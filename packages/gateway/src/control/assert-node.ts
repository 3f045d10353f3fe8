import type { FleetSnapshot } from '@cortex/fleet';
import { CortexError } from '@cortex/protocol';

/** @throws CortexError `invalid_request` naming the configured nodes, if `node` is none of them */
export function assertNode(snapshot: FleetSnapshot, node: string | undefined): void {
  if (node === undefined || snapshot.nodes.has(node)) return;
  const names = [...snapshot.nodes.keys()].join(', ');
  throw new CortexError(
    'invalid_request',
    `There is no node ${node}. Configured nodes: ${names || 'none'}.`,
    { param: 'node' },
  );
}
