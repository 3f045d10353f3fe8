import { limitFields, type ListedModel } from '@cortex/protocol';

import { permanentLack, permanentLacks } from '../feasibility.ts';
import { type Fits, knownModels, resolveModel } from '../resolve-model.ts';
import type { FleetSnapshot, Replica } from '../snapshot.ts';
import { modelStatus } from './model-status.ts';
import type { Words } from './words.ts';

export interface ListOptions {
  /** `created` of every entry, Unix seconds. */
  readonly createdS: number;
  readonly words: Words;
  /** Chooses from the list of an alias, as for a request. */
  readonly fits: Fits;
}

const upReplicas = (snapshot: FleetSnapshot, model: string): readonly Replica[] =>
  (snapshot.replicasByModel.get(model) ?? []).filter(({ isNodeUp }) => isNodeUp);

function location({ node, status, vramUsedMb }: Replica): ListedModel['locations'][number] {
  return { node, status, vram_mb: vramUsedMb };
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)].toSorted();

/** The lowest limit of all replicas, so that a request within it fits on any of them. */
function tightestLimit(replicas: readonly Replica[]): ListedModel['limit'] {
  const limits = replicas.flatMap(({ isServable, limit }) => (isServable && limit ? [limit] : []));
  const [first] = (
    limits.length > 0 ? limits : replicas.flatMap(({ limit }) => limit ?? [])
  ).toSorted((a, b) => a.context - b.context);
  return first;
}

/** The state of the best replica, with the progress of the replica that is furthest in this state. */
function statusOf(replicas: readonly Replica[]): ListedModel['status'] {
  const value = modelStatus(replicas);
  const progress = replicas.flatMap((replica) =>
    replica.status === value && replica.progress !== undefined ? [replica.progress] : [],
  );
  return { value, progress: progress.length > 0 ? Math.max(...progress) : undefined };
}

/** The quantisation of the replicas; undefined when it is unknown or differs. */
function quantOf(replicas: readonly Replica[]): string | undefined {
  const [quant, ...others] = unique(replicas.flatMap((replica) => replica.quant ?? []));
  return others.length === 0 ? quant : undefined;
}

/** Size and age of the largest file of the model on a disk of its nodes. */
function fileOf(
  snapshot: FleetSnapshot,
  replicas: readonly Replica[],
): Pick<ListedModel, 'size_bytes' | 'modified_at'> {
  const [largest] = replicas
    .flatMap(({ node, model }) => snapshot.nodes.get(node)?.reported.get(model) ?? [])
    .filter(({ size_bytes: size }) => size !== undefined)
    .toSorted((a, b) => (b.size_bytes ?? 0) - (a.size_bytes ?? 0));
  return { size_bytes: largest?.size_bytes, modified_at: largest?.modified_at };
}

/** Exact names that resolve only to this model, which a client can use as well. */
function aliasesOf(snapshot: FleetSnapshot, model: string): string[] {
  return [...snapshot.aliases.exact.values()]
    .filter(({ name, models }) => name !== 'default' && models.includes(model))
    .map(({ name }) => name)
    .toSorted();
}

/** Why no node can ever hold the model, in one line; undefined when one can or may. */
export function unservableReason(
  snapshot: FleetSnapshot,
  model: string,
  words: Words,
): string | undefined {
  const { nodes } = snapshot;
  const lacks = permanentLacks(snapshot, nodes.values(), model);
  return nodes.size === 0 || lacks.length < nodes.size ? undefined : words.cannotServe(lacks);
}

function feasibleOn(snapshot: FleetSnapshot, model: string): string[] {
  return [...snapshot.nodes.values()]
    .filter((node) => node.hasAnswered && permanentLack(snapshot, node, model) === undefined)
    .map(({ name }) => name);
}

function describe(
  snapshot: FleetSnapshot,
  model: string,
  { createdS, words }: ListOptions,
): ListedModel {
  const replicas = upReplicas(snapshot, model);
  const aliases = aliasesOf(snapshot, model);
  const reason = unservableReason(snapshot, model, words);
  return {
    id: model,
    object: 'model',
    created: createdS,
    owned_by: 'cortex',
    loaded: replicas.some(({ isServable }) => isServable),
    status: statusOf(replicas),
    locations: replicas.map(location),
    feasible_on: feasibleOn(snapshot, model),
    capabilities: unique(replicas.flatMap(({ capabilities }) => capabilities)),
    ...limitFields(tightestLimit(replicas)),
    quantization: quantOf(replicas),
    ...fileOf(snapshot, replicas),
    ...(aliases.length > 0 && { aliases }),
    reason,
  };
}

/**
 * The entry that `name` resolves to: a model, listed or not, an alias, a glob, `id@node`, the alias `default`. Its
 * id is the requested name, and `root` the model if that has another; undefined when a request with that name would
 * get 404.
 */
export function describeModel(
  snapshot: FleetSnapshot,
  name: string,
  options: ListOptions,
): ListedModel | undefined {
  const resolution = resolveModel(snapshot, name, options.fits);
  if (resolution.kind === 'unknown') return undefined;
  const { aliases, ...entry } = describe(snapshot, resolution.model, options);
  return resolution.model === name
    ? { ...entry, aliases }
    : { ...entry, id: name, root: resolution.model };
}

/**
 * `GET /v1/models`, ordered by id: the catalogue, the models that up nodes have or load, and the aliases with
 * `listed`.
 *
 * Omits models that are not in the catalogue and only on nodes that are not up, because they may be gone.
 */
export function listModels(snapshot: FleetSnapshot, options: ListOptions): readonly ListedModel[] {
  const models = new Set(knownModels(snapshot));
  for (const { id, listed } of snapshot.catalogue.values()) if (listed === false) models.delete(id);
  for (const { name, listed } of snapshot.aliases.exact.values()) if (listed) models.add(name);
  return [...models].toSorted().flatMap((id) => describeModel(snapshot, id, options) ?? []);
}
