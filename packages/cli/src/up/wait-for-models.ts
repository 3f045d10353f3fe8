import { setTimeout as sleep } from 'node:timers/promises';

import { type AdminFleet, stateTraits } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { type GatewayClient } from '../client/gateway-client.ts';

const POLL_MS = 150;

/** Whether the model will soon serve or fail. */
function isStarting(status: string): boolean {
  const { transient, loadable } = stateTraits(status);
  return transient && !loadable;
}

/** Whether `node` has answered, and a model serves or none is starting. */
function isSettled({ nodes, models }: AdminFleet, node: string): boolean {
  const statuses = models
    .flatMap(({ replicas }) => replicas)
    .filter((replica) => replica.node === node)
    .map(({ model }) => model.status);
  if (statuses.some((status) => stateTraits(status).serves)) return true;
  const hasAnswered = nodes.some(({ name, state }) => name === node && state === 'up');
  return hasAnswered && statuses.length > 0 && !statuses.some(isStarting);
}

/** The fleet as the gateway reports it, or why it does not answer. */
async function readFleet(client: Pick<GatewayClient, 'fleet'>): Promise<AdminFleet | CliError> {
  try {
    return await client.fleet();
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
}

/**
 * The fleet once the models that `node` loads at start serve or have failed, at the latest after `settleMs`.
 *
 * A gateway that does not answer, because it is being restarted, is asked again until `answerMs` have passed.
 *
 * @throws CliError with the reason of the last call if the gateway has not answered by then
 */
export async function waitForModels(
  client: Pick<GatewayClient, 'fleet'>,
  { node, settleMs, answerMs }: { node: string; settleMs: number; answerMs: number },
): Promise<AdminFleet> {
  const startedMs = performance.now();
  for (;;) {
    const fleet = await readFleet(client);
    const elapsedMs = performance.now() - startedMs;
    if (fleet instanceof CliError) {
      if (elapsedMs > answerMs) throw fleet;
    } else if (isSettled(fleet, node) || elapsedMs > settleMs) return fleet;
    await sleep(POLL_MS);
  }
}
