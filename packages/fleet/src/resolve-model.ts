import { otherSpelling } from '@cortex/protocol';

import { findAlias } from './alias-table.ts';
import type { Alias } from './catalogue.ts';
import { nearNames } from './near-names.ts';
import type { FleetSnapshot } from './snapshot.ts';

/** The model that a requested name resolves to. */
export type Resolution =
  | {
      readonly kind: 'model';
      readonly model: string;
      /** Requested as `id@node`. */
      readonly node?: string | undefined;
      readonly viaAlias: boolean;
      /** Defaults of request fields that the alias sets. */
      readonly params?: Readonly<Record<string, unknown>> | undefined;
    }
  | { readonly kind: 'unknown'; readonly near: readonly string[] };

/** In the catalogue, or on a node in any state. */
export const isKnownModel = (snapshot: FleetSnapshot, model: string): boolean =>
  snapshot.catalogue.has(model) || snapshot.replicasByModel.has(model);

const isLoaded = (snapshot: FleetSnapshot, model: string): boolean =>
  snapshot.replicasByModel.get(model)?.some(({ isReady }) => isReady) ?? false;

/** Whether a model that is not loaded can be, without eviction. */
export type Fits = (model: string) => boolean;

/**
 * The model of an alias list: the first loaded one, else the first that a node can load without evicting, else the
 * first.
 */
function chooseAliased(snapshot: FleetSnapshot, models: readonly string[], fits: Fits): string {
  const [first = '', ...others] = models;
  if (others.length === 0) return first;
  return models.find((model) => isLoaded(snapshot, model)) ?? models.find(fits) ?? first;
}

const viaAlias = (snapshot: FleetSnapshot, { models, params }: Alias, fits: Fits): Resolution => ({
  kind: 'model',
  model: chooseAliased(snapshot, models, fits),
  viaAlias: true,
  params,
});

function resolveExact(snapshot: FleetSnapshot, asked: string, fits: Fits): Resolution | undefined {
  const alias = snapshot.aliases.exact.get(asked);
  if (alias) return viaAlias(snapshot, alias, fits);
  return isKnownModel(snapshot, asked)
    ? { kind: 'model', model: asked, viaAlias: false }
    : undefined;
}

function resolveGlob(snapshot: FleetSnapshot, asked: string, fits: Fits): Resolution | undefined {
  const alias = findAlias(snapshot.aliases, asked);
  return alias && viaAlias(snapshot, alias, fits);
}

/** Splits `id@node` if the node is configured; any other `@` is part of a name. */
function resolveOnNode(snapshot: FleetSnapshot, asked: string, fits: Fits): Resolution | undefined {
  const at = asked.lastIndexOf('@');
  const node = asked.slice(at + 1);
  if (at < 1 || !snapshot.nodes.has(node)) return undefined;
  const name = asked.slice(0, at);
  const resolution = resolveExact(snapshot, name, fits) ?? resolveGlob(snapshot, name, fits);
  return resolution?.kind === 'model' ? { ...resolution, node } : undefined;
}

function near(snapshot: FleetSnapshot, asked: string): readonly string[] {
  return nearNames(asked, [
    ...snapshot.catalogue.keys(),
    ...snapshot.replicasByModel.keys(),
    ...snapshot.aliases.exact.keys(),
  ]);
}

/** Every name in front of which this stands resolves like the name itself: Claude Code offers no other ids. */
export const ANTHROPIC_PREFIX = 'anthropic/';

/** The names that a client can mean, the most likely first. Those of Ollama add the tag `latest`, or leave it out. */
function spellingsOf(asked: string): readonly string[] {
  const plain = asked.startsWith(ANTHROPIC_PREFIX) ? asked.slice(ANTHROPIC_PREFIX.length) : asked;
  const other = otherSpelling(plain);
  return [...new Set(other === undefined ? [asked, plain] : [asked, plain, other])];
}

/**
 * The model that a name resolves to (behaviour 41): an exact alias, a model id, `id@node`, the longest matching
 * glob, the alias `default`. Aliases name models, never other aliases. An exact name after `anthropic/`, or with or without
 * the tag `latest`, precedes the globs.
 */
export function resolveModel(snapshot: FleetSnapshot, asked: string, fits: Fits): Resolution {
  const exact = resolveExact(snapshot, asked, fits);
  if (exact) return exact;
  const names = spellingsOf(asked);
  for (const resolve of [resolveExact, resolveOnNode, resolveGlob]) {
    for (const name of names) {
      const known = resolve(snapshot, name, fits);
      if (known) return known;
    }
  }
  const fallback = snapshot.aliases.exact.get('default');
  return fallback
    ? viaAlias(snapshot, fallback, fits)
    : { kind: 'unknown', near: near(snapshot, asked) };
}

/** The catalogue and the models of up nodes: everything that can be requested by its id. */
export function knownModels(snapshot: FleetSnapshot): ReadonlySet<string> {
  const models = new Set(snapshot.catalogue.keys());
  for (const [model, replicas] of snapshot.replicasByModel) {
    if (replicas.some(({ isNodeUp }) => isNodeUp)) models.add(model);
  }
  return models;
}

/** Whether `knownModels` has the model. */
export const isRequestable = (snapshot: FleetSnapshot, model: string): boolean =>
  snapshot.catalogue.has(model) ||
  (snapshot.replicasByModel.get(model)?.some(({ isNodeUp }) => isNodeUp) ?? false);

/** The model name of a request without one: the alias `default`, else the only model; else undefined. */
export function nameForUnnamed(snapshot: FleetSnapshot): string | undefined {
  if (snapshot.aliases.exact.has('default')) return 'default';
  const [only, ...others] = knownModels(snapshot);
  return others.length === 0 ? only : undefined;
}
