import {
  type Activity,
  type AdminViewOptions,
  describeAdminModel,
  describeAdminNode,
  fleetHealth,
  type FleetSnapshot,
  isSameModelView,
  isSameNodeView,
  listAdminModels,
  listAdminNodes,
  touchedBy,
} from '@cortex/fleet';
import type { AdminEvent, AdminFleet, AdminModel, AdminNode } from '@cortex/protocol';
import type { FeedChange } from '@cortex/service';

type Change = FeedChange<AdminEvent>;

function healthOf(snapshot: FleetSnapshot): AdminFleet['health'] {
  const { unservable, ...health } = fleetHealth(snapshot);
  return unservable ? { ...health, unservable: [...unservable] } : health;
}

/** The whole view of the fleet (`GET /admin/v1/fleet`). */
export function adminFleet(snapshot: FleetSnapshot, options: AdminViewOptions): AdminFleet {
  return {
    health: healthOf(snapshot),
    nodes: [...listAdminNodes(snapshot, options)],
    models: [...listAdminModels(snapshot, options)],
  };
}

const hasOtherCounts = (model: AdminModel, activity: Activity): boolean =>
  model.waiting !== activity.waiting(model.id) ||
  model.replicas.some((replica) => replica.in_flight !== activity.inFlight(replica.node, model.id));

/**
 * The view of the fleet that readers of events have, and what changes in it.
 *
 * Requests that run or wait change too often for an event each: they are compared only by `countChanges`.
 */
export class FleetView {
  readonly #options: AdminViewOptions;
  #snapshot: FleetSnapshot;
  #health: AdminFleet['health'];
  readonly #nodes: Map<string, AdminNode>;
  readonly #models: Map<string, AdminModel>;

  constructor(snapshot: FleetSnapshot, options: AdminViewOptions) {
    const { health, nodes, models } = adminFleet(snapshot, options);
    this.#options = options;
    this.#snapshot = snapshot;
    this.#health = health;
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
    this.#models = new Map(models.map((model) => [model.id, model]));
  }

  get fleet(): AdminFleet {
    const nodes = [...this.#nodes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const models = [...this.#models.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return { health: this.#health, nodes, models };
  }

  /** What is new in a later snapshot. */
  changes(snapshot: FleetSnapshot): readonly Change[] {
    if (snapshot === this.#snapshot) return [];
    const touched = touchedBy(this.#snapshot, snapshot);
    this.#snapshot = snapshot;
    const changes = [
      ...[...touched.nodes].flatMap((name) => this.#nodeChange(name)),
      ...[...touched.models].flatMap((model) => this.#modelChange(model)),
    ];
    const health = healthOf(snapshot);
    if (Bun.deepEquals(health, this.#health)) return changes;
    this.#health = health;
    return [...changes, { kind: 'health', health }];
  }

  /** The nodes and models on which another number of requests runs or waits, and the hosts that are being woken. */
  countChanges(): readonly Change[] {
    const { activity } = this.#options;
    const nodes = [...this.#nodes.values()].filter(
      ({ name, in_flight: inFlight, sleep }) =>
        inFlight !== activity.inFlight(name) || sleep !== activity.sleep(name),
    );
    const models = [...this.#models.values()].filter((model) => hasOtherCounts(model, activity));
    return [
      ...nodes.flatMap(({ name }) => this.#setNode(name)),
      ...models.flatMap(({ id }) => this.#setModel(id)),
    ];
  }

  #nodeChange(name: string): readonly Change[] {
    const [known, node] = [this.#nodes.get(name), this.#snapshot.nodes.get(name)];
    const isSame = known && node && isSameNodeView(known, describeAdminNode(node, this.#options));
    return isSame ? [] : this.#setNode(name);
  }

  #setNode(name: string): readonly Change[] {
    const node = this.#snapshot.nodes.get(name);
    if (!node) return this.#nodes.delete(name) ? [{ kind: 'node_gone', name }] : [];
    const view = describeAdminNode(node, this.#options);
    this.#nodes.set(name, view);
    return [{ kind: 'node', node: view }];
  }

  #modelChange(id: string): readonly Change[] {
    const [known, model] = [this.#models.get(id), this.#describe(id)];
    return known && model && isSameModelView(known, model) ? [] : this.#setModel(id);
  }

  #setModel(id: string): readonly Change[] {
    const model = this.#describe(id);
    if (!model) return this.#models.delete(id) ? [{ kind: 'model_gone', id }] : [];
    this.#models.set(id, model);
    return [{ kind: 'model', model }];
  }

  #describe(id: string): AdminModel | undefined {
    return describeAdminModel(this.#snapshot, id, this.#options);
  }
}
