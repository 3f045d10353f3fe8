import { findAlias } from './alias-table.ts';
import { fitsFreeMemory, lackFor } from './feasibility.ts';
import { nearNames } from './near-names.ts';
import type { FleetSnapshot } from './snapshot.ts';

/** What a name asked for stands for. */
export type Resolution =
  | {
      readonly kind: 'model';
      readonly model: string;
      /** Asked for as `id@node`. */
      readonly node?: string;
      readonly viaAlias: boolean;
    }
  | { readonly kind: 'unknown'; readonly near: readonly string[] };

/** In the catalogue, or on a node in any state. */
export const isKnownModel = (snapshot: FleetSnapshot, model: string): boolean =>
  snapshot.catalogue.has(model) || snapshot.replicasByModel.has(model);

const isLoaded = (snapshot: FleetSnapshot, model: string): boolean =>
  snapshot.replicasByModel.get(model)?.some(({ isReady }) => isReady) ?? false;

const fitsNow = (snapshot: FleetSnapshot, model: string): boolean =>
  [...snapshot.nodes.values()].some(
    (node) =>
      node.state === 'up' &&
      !node.isDraining &&
      lackFor(snapshot, node, model) === undefined &&
      fitsFreeMemory(node, snapshot.catalogue.get(model)),
  );

/** Of an alias's list: the first that is loaded, else the first that some node can load without evicting, else the first. */
export function chooseAliased(snapshot: FleetSnapshot, models: readonly string[]): string {
  const [first = '', ...others] = models;
  if (others.length === 0) return first;
  return (
    models.find((model) => isLoaded(snapshot, model)) ??
    models.find((model) => fitsNow(snapshot, model)) ??
    first
  );
}

function resolveName(snapshot: FleetSnapshot, asked: string): Resolution | undefined {
  const exact = snapshot.aliases.exact.get(asked);
  if (!exact && isKnownModel(snapshot, asked)) {
    return { kind: 'model', model: asked, viaAlias: false };
  }
  const alias = exact ?? findAlias(snapshot.aliases, asked);
  return alias && { kind: 'model', model: chooseAliased(snapshot, alias.models), viaAlias: true };
}

/** `id@node`, where the node is configured and the id is known. */
function resolveOnNode(snapshot: FleetSnapshot, asked: string): Resolution | undefined {
  const at = asked.lastIndexOf('@');
  const node = asked.slice(at + 1);
  if (at < 1 || !snapshot.nodes.has(node)) return undefined;
  const resolution = resolveName(snapshot, asked.slice(0, at));
  return resolution?.kind === 'model' ? { ...resolution, node } : undefined;
}

function near(snapshot: FleetSnapshot, asked: string): readonly string[] {
  return nearNames(asked, [
    ...snapshot.catalogue.keys(),
    ...snapshot.replicasByModel.keys(),
    ...snapshot.aliases.exact.keys(),
  ]);
}

/**
 * The model that a name stands for (behaviour 41): an exact alias, a model id, the longest matching glob, `id@node`,
 * the alias `default`. Aliases name models, never other aliases.
 */
export function resolveModel(snapshot: FleetSnapshot, asked: string): Resolution {
  const known = resolveName(snapshot, asked) ?? resolveOnNode(snapshot, asked);
  if (known) return known;
  const fallback = snapshot.aliases.exact.get('default');
  if (!fallback) return { kind: 'unknown', near: near(snapshot, asked) };
  return { kind: 'model', model: chooseAliased(snapshot, fallback.models), viaAlias: true };
}
