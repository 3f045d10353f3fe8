import type { ModelEntry } from '@cortex/protocol';

import { formatSettings } from './load-settings.ts';
import type { ModelFile } from './model-file.ts';
import type { ModelLifecycle } from './model-lifecycle.ts';
import { servabilityOf } from './servability.ts';

/** What is known of a model; at least one of the two is there. */
interface KnownModel {
  readonly id: string;
  readonly lifecycle: ModelLifecycle | undefined;
  readonly file: ModelFile | undefined;
}

/** Members that only a model in memory has. */
function runningMembers(lifecycle: ModelLifecycle | undefined): Partial<ModelEntry> {
  const model = lifecycle?.running;
  if (!lifecycle || !model) return {};
  return {
    vram_used_mb: model.vramMib,
    backend: model.backend,
    gpu_layers: model.gpuLayers,
    limit: { context: model.contextTokens, output: model.contextTokens },
  };
}

function toServable(lifecycle: ModelLifecycle | undefined): ModelEntry['servable'] {
  const servability = servabilityOf(lifecycle);
  return servability.kind === 'serves' ? { ok: true } : { ok: false, reason: servability.reason };
}

/** The model as `GET /models` shows it. Unknown values are absent. */
export function toModelEntry({ id, lifecycle, file }: KnownModel, nowMs: number): ModelEntry {
  const quant = lifecycle?.running?.quant ?? lifecycle?.file?.quant ?? file?.quant;
  const idleMs = lifecycle?.idleMs(nowMs);
  const ageMs = lifecycle?.ageMs(nowMs);
  const times = lifecycle?.times ?? {};
  return {
    id,
    harness: lifecycle?.settings?.harness ?? 'llama',
    status: lifecycle?.state ?? 'unloaded',
    devices: [...(lifecycle?.deviceIndexes ?? [])],
    ...runningMembers(lifecycle),
    capabilities: [...(lifecycle?.capabilities ?? [])],
    servable: toServable(lifecycle),
    ...(quant !== undefined && { quant }),
    settings: lifecycle?.settings ? formatSettings(lifecycle.settings) : {},
    generation: lifecycle?.generation ?? 0,
    pinned: lifecycle?.isPinned ?? false,
    on_disk: (lifecycle?.file ?? file) !== undefined,
    ...(idleMs !== undefined && { idle_ms: Math.round(idleMs) }),
    ...(ageMs !== undefined && { age_ms: Math.round(ageMs) }),
    ...(times.loadedAt !== undefined && { loaded_at: times.loadedAt }),
    ...(times.lastUsedAt !== undefined && { last_used_at: times.lastUsedAt }),
    ...(lifecycle?.progress !== undefined && { progress: lifecycle.progress }),
    ...(lifecycle?.reason !== undefined && { reason: lifecycle.reason }),
  };
}
