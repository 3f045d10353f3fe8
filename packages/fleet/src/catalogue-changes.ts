/** How a loaded model differs from its entry in models.toml, which may have changed since its load. */
import {
  formatModelSettings,
  MODEL_SETTING_DEFAULTS,
  MODEL_SETTING_NAMES,
  type ModelEntry,
  stateTraits,
  type WireModelSettings,
} from '@cortex/protocol';

import type { CatalogueModel } from './catalogue.ts';
import type { FleetSnapshot, NodeSnapshot } from './snapshot.ts';

/** A loaded model with other settings than models.toml has. It serves, and is replaced when it is idle. */
export interface ConfigMismatch {
  readonly model: string;
  readonly node: string;
  /** Names of the settings, as in models.toml. */
  readonly keys: readonly string[];
  /** The node loads it by itself (`default_models` of neuron.toml), so that it is not replaced. */
  readonly isDefaultModel: boolean;
}

/** How long an idle model stays loaded, as a load call says it. */
export interface Residency {
  /** 0: for ever. */
  readonly ttlS: number;
  readonly pinned: boolean;
}

/** What changes of it; undefined members stay as they are. */
export type ResidencyChange = { readonly [Key in keyof Residency]: Residency[Key] | undefined };

/** Entries of the catalogue never change. */
const written = new WeakMap<CatalogueModel, WireModelSettings>();

function settingsOf(entry: CatalogueModel): WireModelSettings {
  const known = written.get(entry) ?? formatModelSettings(entry);
  written.set(entry, known);
  return known;
}

const STANDARD = new Map<string, unknown>(Object.entries(MODEL_SETTING_DEFAULTS));

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** `auto`, and lists and tables without content, mean the same as nothing. */
function effective(name: keyof WireModelSettings, value: unknown): unknown {
  const isAbsent = value === undefined || value === 'auto' || isEmpty(value);
  if (!isAbsent) return value;
  const standard = STANDARD.get(name);
  return standard === 'auto' || isEmpty(standard) ? undefined : standard;
}

/** The settings in which a load with `entry` would differ from the loaded model. A node that tells none has none. */
function differingKeys(
  entry: CatalogueModel,
  { settings }: Pick<ModelEntry, 'settings'>,
): readonly string[] {
  if (isEmpty(settings)) return [];
  const wanted = settingsOf(entry);
  return MODEL_SETTING_NAMES.filter((name) => {
    // Without a named engine the node chooses one, and tells which.
    if (name === 'harness' && wanted.harness === undefined) return false;
    return !Bun.deepEquals(effective(name, wanted[name]), effective(name, settings[name]));
  });
}

/** Whether `default_models` of the node has the model. */
function isDefaultModel({ health }: NodeSnapshot, model: string): boolean {
  if (!health) return false;
  const { completed, pending, in_progress: current, failed } = health.activation;
  return (
    completed.includes(model) ||
    pending.includes(model) ||
    current === model ||
    failed.some(({ model_id: id }) => id === model)
  );
}

/** Undefined: the model is not loaded there, is not in the catalogue, or has the settings of its entry. */
export function configMismatch(
  { catalogue }: Pick<FleetSnapshot, 'catalogue'>,
  node: NodeSnapshot,
  model: string,
): ConfigMismatch | undefined {
  const entry = catalogue.get(model);
  const reported = node.reported.get(model);
  if (!entry || !reported || !stateTraits(reported.status).serves) return undefined;
  const keys = differingKeys(entry, reported);
  if (keys.length === 0) return undefined;
  return { model, node: node.name, keys, isDefaultModel: isDefaultModel(node, model) };
}

/** TTL and pin of a load. A preloaded model has no TTL: it would be loaded again at once. */
export const residencyOf = (
  { preload, ttlS, pinnedOn }: CatalogueModel,
  node: string,
): Residency => ({
  ttlS: preload === true ? 0 : (ttlS ?? 0),
  pinned: pinnedOn?.includes(node) === true,
});

/** What the node has to be told of TTL and pin of a loaded model; undefined: nothing, or it is too old to tell what it has. */
export function changedResidency(
  { catalogue }: Pick<FleetSnapshot, 'catalogue'>,
  node: NodeSnapshot,
  model: string,
): ResidencyChange | undefined {
  const entry = catalogue.get(model);
  const reported = node.reported.get(model);
  const kept = reported?.residency;
  if (!entry || !kept || reported.status !== 'loaded') return undefined;
  const wanted = residencyOf(entry, node.name);
  // Without a word in models.toml, what neuron.toml says of its default models stays.
  if (wanted.ttlS === 0 && !wanted.pinned && isDefaultModel(node, model)) return undefined;
  const ttlS = wanted.ttlS === kept.ttl_s ? undefined : wanted.ttlS;
  const pinned = wanted.pinned === kept.pinned ? undefined : wanted.pinned;
  return ttlS === undefined && pinned === undefined ? undefined : { ttlS, pinned };
}
