import { createHash } from 'node:crypto';

import { toInlineToml } from '../inline-toml.ts';
import { type ServicePod } from './endpoint-slices.ts';

/** Names of machines in a cluster may be longer than those of nodes. */
const MAX_NAME = 63;
const DIGEST_CHARS = 8;

/** The name of a machine, or a shorter one that no other machine has. */
function nameOf(machine: string): string {
  if (machine.length <= MAX_NAME) return machine;
  const digest = createHash('sha256').update(machine).digest('hex').slice(0, DIGEST_CHARS);
  return `${machine.slice(0, MAX_NAME - DIGEST_CHARS - 1)}-${digest}`;
}

/** The `[[neurons]]` of these pods, each with the name of its machine. */
export function formatNodes(
  pods: readonly ServicePod[],
  { tlsFingerprint }: { readonly tlsFingerprint: string | undefined },
): string {
  const scheme = tlsFingerprint === undefined ? 'http' : 'https';
  const nodes = pods.map(({ nodeName, address, port }) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return {
      name: nameOf(nodeName),
      endpoint: `${scheme}://${host}:${port}`,
      tls_fingerprint: tlsFingerprint,
    };
  });
  const lines = nodes.map((node) => `  ${toInlineToml(node)},\n`);
  return `# Written by "cortex kubernetes-nodes" at every change of the cluster.\nneurons = [\n${lines.join('')}]\n`;
}
