/** The whole view of the fleet in `/admin/v1`: `GET fleet`, and `GET events`, which follows it. */
import { z } from 'zod';

import { AdminModel, AdminNode } from './admin.ts';
import { numberedEventParser } from './sse/numbered-events.ts';

/** Answer of `GET /health` of cortex. */
export const GatewayHealth = z.looseObject({
  status: z.string(),
  nodes: z.looseObject({ healthy: z.int(), total: z.int() }),
  unservable: z
    .array(z.looseObject({ node: z.string(), model: z.string(), reason: z.string().optional() }))
    .optional(),
});
export type GatewayHealth = z.infer<typeof GatewayHealth>;

const views = {
  health: GatewayHealth,
  /** Ordered by name. */
  nodes: z.array(AdminNode),
  /** Ordered by id. */
  models: z.array(AdminModel),
};

/** Answer of `GET /admin/v1/fleet`. */
export const AdminFleet = z.looseObject({
  ...views,
  /** Keys of cortex.toml that have changed, and are in use only after a restart; absent: none. */
  restart_required: z.array(z.string()).optional(),
});
export type AdminFleet = z.infer<typeof AdminFleet>;

const revision = z.int();

export const AdminEventShape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('snapshot'), revision, ...views }),
  z.object({ kind: z.literal('health'), revision, health: GatewayHealth }),
  /** A node that is new or has changed. */
  z.object({ kind: z.literal('node'), revision, node: AdminNode }),
  /** A node that is no longer configured. */
  z.object({ kind: z.literal('node_gone'), revision, name: z.string() }),
  /** A model that is new or has changed, with all its replicas. */
  z.object({ kind: z.literal('model'), revision, model: AdminModel }),
  /** A model that is neither in the catalogue nor on a node that is up. */
  z.object({ kind: z.literal('model_gone'), revision, id: z.string() }),
]);

/** An event of `GET /admin/v1/events`; `kind` is the name of the server-sent event. */
export type AdminEvent = z.infer<typeof AdminEventShape>;

/** Reads a server-sent event. @throws Error if its data is not what its name promises */
export const parseAdminEvent = numberedEventParser<AdminEvent>(AdminEventShape);

/**
 * `entries`, which are ordered by key, with `entry` in its place, or in that of the one it replaces. A node that goes down can
 * change thousands of entries at once, so each is found by halves.
 */
function withEntry<T>(entries: readonly T[], entry: T, keyOf: (entry: T) => string): T[] {
  const key = keyOf(entry);
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = entries[middle];
    if (other !== undefined && keyOf(other) < key) low = middle + 1;
    else high = middle;
  }
  const found = entries[low];
  const isThere = found !== undefined && keyOf(found) === key;
  return entries.toSpliced(low, isThere ? 1 : 0, entry);
}

const nameOf = ({ name }: AdminNode): string => name;
const idOf = ({ id }: AdminModel): string => id;

/** The fleet after an event. Before the first snapshot there is none. */
export function applyAdminEvent(
  fleet: AdminFleet | undefined,
  event: AdminEvent,
): AdminFleet | undefined {
  if (event.kind === 'snapshot') {
    const { health, nodes, models } = event;
    return { health, nodes, models };
  }
  if (!fleet) return undefined;
  switch (event.kind) {
    case 'health':
      return { ...fleet, health: event.health };
    case 'node':
      return { ...fleet, nodes: withEntry(fleet.nodes, event.node, nameOf) };
    case 'node_gone':
      return { ...fleet, nodes: fleet.nodes.filter(({ name }) => name !== event.name) };
    case 'model':
      return { ...fleet, models: withEntry(fleet.models, event.model, idOf) };
    case 'model_gone':
      return { ...fleet, models: fleet.models.filter(({ id }) => id !== event.id) };
  }
}
