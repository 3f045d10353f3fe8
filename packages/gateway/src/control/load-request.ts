import { type FleetSnapshot, residencyOf } from '@cortex/fleet';
import { formatModelSettings, type LoadModelRequest, withoutUndefined } from '@cortex/protocol';

import type { LoadTarget } from './load-log.ts';

/** Settings that models.toml leaves to the node. */
const isAutomatic = ([, value]: readonly [string, unknown]): boolean => value === 'auto';

/**
 * The load call for a model on a node, with the settings as models.toml has them (behaviour 27).
 *
 * Settings that are `auto` or absent are left to the node. Models that are not in the catalogue are loaded from disk
 * with default settings. A pin that models.toml does not have any more is taken back; one of an operator stays.
 */
export function toLoadRequest(
  { catalogue, nodes }: Pick<FleetSnapshot, 'catalogue' | 'nodes'>,
  { model, node }: LoadTarget,
): LoadModelRequest {
  const entry = catalogue.get(model);
  if (!entry) return { model_id: model };
  const settings = Object.entries(formatModelSettings(entry));
  const { ttlS, pinned } = residencyOf(entry, node);
  // A node that does not tell has one pin for load calls and operators: that of an operator would go.
  const wasPinned = nodes.get(node)?.reported.get(model)?.residency?.pinned === true;
  return withoutUndefined({
    model_id: model,
    ...Object.fromEntries(settings.filter((setting) => !isAutomatic(setting))),
    vram_mb: entry.vramMb,
    min_devices: (entry.minDevices ?? 1) > 1 ? entry.minDevices : undefined,
    ttl_s: ttlS,
    pinned: pinned || wasPinned ? pinned : undefined,
  });
}
