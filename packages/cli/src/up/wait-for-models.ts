import { setTimeout as sleep } from 'node:timers/promises';

import { type AdminModel, type AdminNode } from '@cortex/protocol';

import { type GatewayClient } from '../client/gateway-client.ts';

const POLL_MS = 150;
const STARTING = new Set(['unloaded', 'pulling', 'loading', 'recovering']);

export interface FleetPicture {
  readonly nodes: readonly AdminNode[];
  readonly models: readonly AdminModel[];
}

/** Whether nothing is about to change by itself: the node has answered, and a model serves or has failed. */
function isSettled({ nodes, models }: FleetPicture): boolean {
  const entries = models.flatMap(({ replicas }) => replicas.map(({ model }) => model));
  const hasServing = entries.some(({ status }) => status === 'loaded');
  const isIdle = entries.every(({ status }) => !STARTING.has(status) || status === 'unloaded');
  return (
    nodes.every(({ state }) => state !== 'unknown') && entries.length > 0 && (hasServing || isIdle)
  );
}

/** The fleet once its start-up models serve or have failed, or as it is after `timeoutMs`. */
export async function waitForModels(
  client: Pick<GatewayClient, 'nodes' | 'adminModels'>,
  timeoutMs: number,
): Promise<FleetPicture> {
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const [nodes, models] = await Promise.all([client.nodes(), client.adminModels()]);
    const picture = { nodes, models };
    if (isSettled(picture) || performance.now() > giveUpMs) return picture;
    await sleep(POLL_MS);
  }
}
