import type { CatalogueModel } from '@cortex/fleet';
import { formatModelSettings, type LoadModelRequest, withoutUndefined } from '@cortex/protocol';

/** Settings that models.toml leaves to the node. */
const isAutomatic = ([, value]: readonly [string, unknown]): boolean => value === 'auto';

/**
 * The load call for a model on a node, with the settings as models.toml has them (behaviour 27).
 *
 * Settings that are `auto` or absent are left to the node. Models that are not in the catalogue are loaded from
 * disk with
 * default settings.
 */
export function toLoadRequest(
  model: string,
  node: string,
  entry: CatalogueModel | undefined,
): LoadModelRequest {
  if (!entry) return { model_id: model };
  const settings = Object.entries(formatModelSettings(entry));
  return withoutUndefined({
    model_id: model,
    ...Object.fromEntries(settings.filter((setting) => !isAutomatic(setting))),
    vram_mb: entry.vramMb,
    min_devices: (entry.minDevices ?? 1) > 1 ? entry.minDevices : undefined,
    ttl_s: entry.ttlS,
    pinned: entry.pinnedOn?.includes(node) === true ? true : undefined,
  });
}
