import type { AdminModel } from '@cortex/protocol';

import { configMismatch } from '../catalogue-changes.ts';
import { knownEntry } from '../derive-replicas.ts';
import { isRequestable, knownModels } from '../resolve-model.ts';
import type { FleetSnapshot, Replica } from '../snapshot.ts';
import type { Activity } from './activity.ts';
import { unservableReason } from './list-models.ts';
import { modelStatus } from './model-status.ts';
import type { Words } from './words.ts';

/** The report of the node on the model, with the current state. */
function entryOf(
  snapshot: FleetSnapshot,
  { node: name, model, status, progress }: Replica,
  words: Words,
): AdminModel['replicas'][number]['model'] {
  const node = snapshot.nodes.get(name);
  const reported = node?.reported.get(model) ?? knownEntry(model, status);
  const mismatch = node && configMismatch(snapshot, node, model);
  return {
    ...reported,
    status,
    progress,
    ...(mismatch && {
      config_mismatch: { keys: [...mismatch.keys], text: words.outdated(mismatch) },
    }),
  };
}

/** Why the model is not served; undefined if it is, or if that only repeats its status. */
function reasonOf(
  snapshot: FleetSnapshot,
  model: string,
  { replicas, words }: { readonly replicas: readonly Replica[]; readonly words: Words },
): string | undefined {
  if (replicas.some(({ isServable }) => isServable)) return undefined;
  const told = replicas.find(({ reason, status }) => reason !== undefined && reason !== status);
  return unservableReason(snapshot, model, words) ?? told?.reason;
}

export interface AdminViewOptions {
  readonly activity: Activity;
  readonly words: Words;
}

function describe(
  snapshot: FleetSnapshot,
  model: string,
  { activity, words }: AdminViewOptions,
): AdminModel {
  const replicas = (snapshot.replicasByModel.get(model) ?? []).filter(({ isNodeUp }) => isNodeUp);
  return {
    id: model,
    status: modelStatus(replicas),
    catalogued: snapshot.catalogue.has(model),
    aliases: snapshot.aliases.all
      .filter(({ models }) => models.includes(model))
      .map(({ name }) => name),
    waiting: activity.waiting(model),
    replicas: replicas.map((replica) => ({
      node: replica.node,
      in_flight: activity.inFlight(replica.node, model),
      model: entryOf(snapshot, replica, words),
    })),
    reason: reasonOf(snapshot, model, { replicas, words }),
  };
}

/** `GET /admin/v1/models`, ordered by id: the catalogue and the models of up nodes, listed or not. */
export function listAdminModels(
  snapshot: FleetSnapshot,
  options: AdminViewOptions,
): readonly AdminModel[] {
  return [...knownModels(snapshot)].toSorted().map((model) => describe(snapshot, model, options));
}

/** The entry of one model; undefined if the list does not have it. */
export const describeAdminModel = (
  snapshot: FleetSnapshot,
  model: string,
  options: AdminViewOptions,
): AdminModel | undefined =>
  isRequestable(snapshot, model) ? describe(snapshot, model, options) : undefined;
