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

/** Requests whose records there must be. */
export interface Asked {
  /** One record each. */
  readonly ids: readonly string[];
  /** At most one record each. */
  readonly leftIds: readonly string[];
}

/** Requests with a wrong number of records in the log of the gateway, whose last lines may still be on their way. */
export async function wrongRecords({ gateway }: Fleet, asked: Asked): Promise<readonly string[]> {
  const giveUpMs = performance.now() + SETTLE_MS;
  for (;;) {
    const counts = new Map<string, number>();
    for (const [, id = ''] of gateway.output.matchAll(RECORD))
      counts.set(id, (counts.get(id) ?? 0) + 1);
    const of = (id: string): number => counts.get(id) ?? 0;
    const wrong = [
      ...asked.ids.filter((id) => of(id) !== 1),
      ...asked.leftIds.filter((id) => of(id) > 1),
    ];
    if (wrong.length === 0 || performance.now() > giveUpMs)
      return wrong.map((id) => `${id} has ${of(id)} records`);
    await Bun.sleep(LOOK_MS);
  }
}

/** What the gateway logged of the requests that `violations` begin with. */
export function logOf({ gateway }: Fleet, violations: readonly string[]): readonly string[] {
  const ids = violations.map((text) => text.split(' ', 1)[0] ?? '');
  return gateway.output
    .split('\n')
    .filter((line) => ids.some((id) => line.includes(`"request_id":"${id}"`)));
}
