import { type ServicePod } from './endpoint-slices.ts';

/** A key with a text; TOML's basic strings are JSON's, but for control characters that these texts do not have. */
const line = (key: string, value: string): string => `${key} = ${JSON.stringify(value)}\n`;

/** Names of machines in a cluster may be longer than those of nodes. */
const MAX_NAME = 63;

/** The `[[neurons]]` of these pods, each with the name of its machine. */
export function formatNodes(
  pods: readonly ServicePod[],
  { tlsFingerprint }: { readonly tlsFingerprint: string | undefined },
): string {
  const scheme = tlsFingerprint === undefined ? 'http' : 'https';
  const tables = pods.map(({ nodeName, address, port }) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return [
      '\n[[neurons]]\n',
      line('name', nodeName.slice(0, MAX_NAME)),
      line('endpoint', `${scheme}://${host}:${port}`),
      tlsFingerprint === undefined ? '' : line('tls_fingerprint', tlsFingerprint),
    ].join('');
  });
  return `# Written by "cortex kubernetes-nodes" at every change of the cluster.\n${tables.join('')}`;
}
