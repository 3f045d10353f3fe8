import type { AdminModel, ModelEntry } from '@cortex/protocol';

import { knownEntry } from '../derive-replicas.ts';
import { isRequestable, knownModels } from '../resolve-model.ts';
import type { FleetSnapshot, Replica } from '../snapshot.ts';
import type { Activity } from './activity.ts';
import { unservableReason } from './list-models.ts';
import { modelStatus } from './model-status.ts';
import type { Words } from './words.ts';

/** The report of the node on the model, with the current state. */
function entryOf(snapshot: FleetSnapshot, { node, model, status, progress }: Replica): ModelEntry {
  const reported = snapshot.nodes.get(node)?.reported.get(model) ?? knownEntry(model, status);
  return { ...reported, status, progress };
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
  const reason =
    unservableReason(snapshot, model, words) ??
    replicas.find(({ isServable, reason: why }) => !isServable && why !== undefined)?.reason;
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
      model: entryOf(snapshot, replica),
    })),
    reason,
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
