import { setTimeout as sleep } from 'node:timers/promises';

import { type AdminModel, type AdminNode, stateTraits } from '@cortex/protocol';

import { type GatewayClient } from '../client/gateway-client.ts';

const POLL_MS = 150;

/** Whether the model will soon serve or fail. */
function isStarting(status: string): boolean {
  const { transient, loadable } = stateTraits(status);
  return transient && !loadable;
}

export interface FleetView {
  readonly nodes: readonly AdminNode[];
  readonly models: readonly AdminModel[];
}

/** Whether `node` has answered, and a model serves or none is starting. */
function isSettled({ nodes, models }: FleetView, node: string): boolean {
  const statuses = models
    .flatMap(({ replicas }) => replicas)
    .filter((replica) => replica.node === node)
    .map(({ model }) => model.status);
  if (statuses.some((status) => stateTraits(status).serves)) return true;
  const hasAnswered = nodes.some(({ name, state }) => name === node && state === 'up');
  return hasAnswered && statuses.length > 0 && !statuses.some(isStarting);
}

/** The fleet once the models that `node` loads at start serve or have failed, at the latest after `timeoutMs`. */
export async function waitForModels(
  client: Pick<GatewayClient, 'nodes' | 'adminModels'>,
  { node, timeoutMs }: { node: string; timeoutMs: number },
): Promise<FleetView> {
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const [nodes, models] = await Promise.all([client.nodes(), client.adminModels()]);
    const fleet = { nodes, models };
    if (isSettled(fleet, node) || performance.now() > giveUpMs) return fleet;
    await sleep(POLL_MS);
  }
}
