import { knownModels } from '../resolve-model.ts';
import type { FleetSnapshot, NodeSnapshot } from '../snapshot.ts';

/** The nodes and models whose entries in the admin lists may differ between two snapshots. */
export interface Touched {
  readonly nodes: ReadonlySet<string>;
  readonly models: ReadonlySet<string>;
}

/** Adds the keys whose values are not the same object. */
function addChanged<T>(
  changed: Set<string>,
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): void {
  if (before === after) return;
  for (const [key, value] of after) if (before.get(key) !== value) changed.add(key);
  for (const key of before.keys()) if (!after.has(key)) changed.add(key);
}

/** What a node has and lacks decides for every model whether a node can serve it. */
const changesAll = (before: NodeSnapshot | undefined, after: NodeSnapshot | undefined): boolean =>
  !before ||
  !after ||
  before.discovery !== after.discovery ||
  before.hasAnswered !== after.hasAnswered;

/**
 * What to look at again after a change. Snapshots share what has not changed, so that most entries are only compared by
 * identity.
 */
export function touchedBy(before: FleetSnapshot, after: FleetSnapshot): Touched {
  const nodes = new Set<string>();
  const models = new Set<string>();
  addChanged(nodes, before.nodes, after.nodes);
  let isAll = before.catalogue !== after.catalogue || before.aliases !== after.aliases;
  for (const name of nodes) {
    const [old, now] = [before.nodes.get(name), after.nodes.get(name)];
    isAll ||= changesAll(old, now);
    if (isAll || !old || !now) break;
    addChanged(models, old.replicas, now.replicas);
    addChanged(models, old.reported, now.reported);
  }
  return { nodes, models: isAll ? knownModels(before).union(knownModels(after)) : models };
}
