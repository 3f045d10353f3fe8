import { setTimeout as sleep } from 'node:timers/promises';

import { type AdminModel, type AdminNode, stateTraits } from '@cortex/protocol';

import { type GatewayClient } from '../client/gateway-client.ts';

const POLL_MS = 150;

/** Expected to serve soon, or to fail. */
function isStarting(status: string): boolean {
  const { transient, loadable } = stateTraits(status);
  return transient && !loadable;
}

export interface FleetPicture {
  readonly nodes: readonly AdminNode[];
  readonly models: readonly AdminModel[];
}

/** Whether nothing is about to change by itself on `node`: it has answered, and a model serves or none is starting. */
function isSettled({ nodes, models }: FleetPicture, node: string): boolean {
  const statuses = models
    .flatMap(({ replicas }) => replicas)
    .filter((replica) => replica.node === node)
    .map(({ model }) => model.status);
  if (statuses.some((status) => stateTraits(status).serves)) return true;
  const hasAnswered = nodes.some(({ name, state }) => name === node && state === 'up');
  return hasAnswered && statuses.length > 0 && !statuses.some(isStarting);
}

/** The fleet once the models that `node` loads at its start serve or have failed, or as it is after `timeoutMs`. */
export async function waitForModels(
  client: Pick<GatewayClient, 'nodes' | 'adminModels'>,
  { node, timeoutMs }: { node: string; timeoutMs: number },
): Promise<FleetPicture> {
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const [nodes, models] = await Promise.all([client.nodes(), client.adminModels()]);
    const picture = { nodes, models };
    if (isSettled(picture, node) || performance.now() > giveUpMs) return picture;
    await sleep(POLL_MS);
  }
}
