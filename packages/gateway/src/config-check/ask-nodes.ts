import { type Discovery, type NodeModels, toCortexError } from '@cortex/protocol';
import { systemClock } from '@cortex/service';
import { type z } from 'zod';

import { type GatewayConfig } from '../config/gateway-config.ts';
import { type NodeTokens } from '../config/read-secret-file.ts';
import { toControlConfig } from '../config/to-control-settings.ts';
import { NodeTransport } from '../wire/node-transport.ts';
import { NeuronClient } from '../nodes/neuron-client.ts';

/** What one configured node answered. */
export type NodeReport = { readonly name: string; readonly endpoint: string } & (
  | {
      readonly kind: 'answered';
      readonly discovery: Discovery;
      readonly models: z.infer<typeof NodeModels>;
    }
  | { readonly kind: 'failed'; readonly reason: string }
);

/**
 * Asks every configured node once for its hardware and models, as a running gateway would: with the token of each node,
 * and with the pinned certificate where one is configured.
 *
 * @param options.timeoutMs - For each call, connecting included.
 * @returns one report per node, in the order of the configuration
 */
export async function askNodes(
  config: GatewayConfig,
  { tokens, timeoutMs }: { readonly tokens: NodeTokens; readonly timeoutMs: number },
): Promise<readonly NodeReport[]> {
  const transport = new NodeTransport(systemClock);
  const { signal } = new AbortController();
  const { nodes } = toControlConfig(config, tokens);
  const reports = nodes.map(
    async ({ name, endpoint, token, tlsFingerprint }): Promise<NodeReport> => {
      const client = new NeuronClient({
        name,
        target: { endpoint, token, tlsFingerprint, connectMs: timeoutMs },
        transport,
        clock: systemClock,
        timeoutMs,
      });
      try {
        const [discovery, { models }] = await Promise.all([
          client.discovery(signal),
          client.models(signal),
        ]);
        return { name, endpoint, kind: 'answered', discovery, models };
      } catch (error) {
        return { name, endpoint, kind: 'failed', reason: toCortexError(error).message };
      }
    },
  );
  try {
    return await Promise.all(reports);
  } finally {
    transport.close();
  }
}
