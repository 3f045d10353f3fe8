/** What is seen of requests whose clients have left. */
import { NodeHealth } from '@cortex/protocol';

import { eventually } from './processes.ts';
import type { Up } from './start-up.ts';

/** Requests whose clients left before the answer ended, of all APIs. */
export async function leftClients({ metrics }: Up): Promise<number> {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.includes('outcome="client_left"'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Requests that the node has in flight or waiting. */
async function nodeLoad({ node }: Up): Promise<number> {
  const { models } = NodeHealth.parse(await (await fetch(`${node}/health`)).json());
  return models.reduce((sum, { in_flight, queue_depth }) => sum + in_flight + queue_depth, 0);
}

/** Resolves when one more client than `before` has left in the middle of an answer, and the engine has stopped. */
export async function untilAbandoned(up: Up, before: number): Promise<void> {
  await eventually('the node to be idle', async () => (await nodeLoad(up)) === 0);
  await eventually('the request to be counted', async () => (await leftClients(up)) > before);
}
