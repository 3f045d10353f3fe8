import { type FleetSnapshot, residencyOf } from '@cortex/fleet';
import { formatModelSettings, type LoadModelRequest, withoutUndefined } from '@cortex/protocol';

import type { LoadTarget } from './load-log.ts';

/** Settings that models.toml leaves to the node. */
const isAutomatic = ([, value]: readonly [string, unknown]): boolean => value === 'auto';

/**
 * The load call for a model on a node, with the settings as models.toml has them (behaviour 27).
 *
 * Settings that are `auto` or absent are left to the node. Models that are not in the catalogue are loaded from disk
 * with default settings. With `limitMib` the node chooses automatic context and slots within that. A pin that models.toml does not have any more is taken back; one of an operator stays.
 */
export function toLoadRequest(
  { catalogue, nodes }: Pick<FleetSnapshot, 'catalogue' | 'nodes'>,
  { model, node, limitMib }: LoadTarget & { readonly limitMib?: number | undefined },
): LoadModelRequest {
  const entry = catalogue.get(model);
  // An older node tells no residency. It has one pin for load calls and operators, and refuses fields that it does not know.
  const residency = nodes.get(node)?.reported.get(model)?.residency;
  const limit = { vram_limit_mb: residency && limitMib };
  if (!entry) return withoutUndefined({ model_id: model, ...limit });
  const settings = Object.entries(formatModelSettings(entry));
  const { ttlS, pinned } = residencyOf(entry, node);
  return withoutUndefined({
    model_id: model,
    ...Object.fromEntries(settings.filter((setting) => !isAutomatic(setting))),
    vram_mb: entry.vramMb,
    ...limit,
    min_devices: (entry.minDevices ?? 1) > 1 ? entry.minDevices : undefined,
    ttl_s: ttlS,
    pinned: pinned || residency?.pinned === true ? pinned : undefined,
  });
}
