/** What requests have left in the gateway and on its nodes. */
import { AdminModels, AdminNodes, NodeHealth } from '@cortex/protocol';

import { type Fleet } from '../../test/e2e/fleet.ts';

/** Cancelled requests, polls and abandoned loads have this long to end. */
const SETTLE_MS = 45_000;
const LOOK_MS = 200;

const lines = (entries: readonly (readonly [text: string, count: number])[]): string[] =>
  entries.filter(([, count]) => count > 0).map(([text, count]) => `${text}: ${count}`);

async function onNodes({ hosts }: Fleet): Promise<string[]> {
  const found = await Promise.all(
    hosts.map(async ({ name, url }) => {
      const health = NodeHealth.parse(await (await fetch(`${url}/health`)).json());
      return health.models.flatMap((model) =>
        lines([
          [`${name} runs requests of ${model.id}`, model.in_flight],
          [`${name} queues requests of ${model.id}`, model.queue_depth],
        ]),
      );
    }),
  );
  return found.flat();
}

async function inAdmin(fleet: Fleet): Promise<string[]> {
  const { nodes } = AdminNodes.parse(await fleet.admin('/nodes'));
  const { models } = AdminModels.parse(await fleet.admin('/models'));
  return [
    ...lines(nodes.map((node) => [`leases on ${node.name}`, node.in_flight])),
    ...lines(models.map((model) => [`requests that wait for ${model.id}`, model.waiting])),
    ...models.flatMap(({ id, replicas }) =>
      lines(replicas.map((replica) => [`leases of ${id} on ${replica.node}`, replica.in_flight])),
    ),
    ...nodes.filter(({ state }) => state !== 'up').map(({ name, state }) => `${name} is ${state}`),
  ];
}

const GAUGE = /^cortex_model_(?:in_flight|queue_depth)\{.*\} [1-9].*$/gm;

async function inMetrics({ gateway }: Fleet): Promise<string[]> {
  const page = await (await fetch(`${gateway.metrics}/metrics`)).text();
  return page.match(GAUGE) ?? [];
}

const RECORD = /"msg":"request".*?"request_id":"([^"]+)"/g;

/** Waits until nothing is left; the last look if something stays. */
export async function leftovers(fleet: Fleet): Promise<readonly string[]> {
  const giveUpMs = performance.now() + SETTLE_MS;
  for (;;) {
    const looks = [onNodes(fleet), inAdmin(fleet), inMetrics(fleet)];
    const found = (await Promise.all(looks)).flat();
    if (found.length === 0 || performance.now() > giveUpMs) return found;
    await Bun.sleep(LOOK_MS);
  }
}

/** Requests without exactly one record in the log of the gateway, whose last lines may still be on their way. */
export async function wrongRecords(
  { gateway }: Fleet,
  ids: readonly string[],
): Promise<readonly string[]> {
  const giveUpMs = performance.now() + SETTLE_MS;
  for (;;) {
    const counts = new Map<string, number>();
    for (const [, id = ''] of gateway.output.matchAll(RECORD))
      counts.set(id, (counts.get(id) ?? 0) + 1);
    const wrong = ids.filter((id) => counts.get(id) !== 1);
    if (wrong.length === 0 || performance.now() > giveUpMs)
      return wrong.map((id) => `${id} has ${counts.get(id) ?? 0} records`);
    await Bun.sleep(LOOK_MS);
  }
}
