import { formatModelSettings, type ModelEntry } from '@cortex/protocol';

import type { ColdFacts } from '../harness/harness.ts';
import type { ModelFile } from '../store/model-file.ts';
import type { ModelLifecycle } from './model-lifecycle.ts';
import { servabilityOf } from './servability.ts';

/** The sources of a model entry; at least one of the two is present. */
interface KnownModel {
  readonly id: string;
  readonly lifecycle: ModelLifecycle | undefined;
  readonly file: ModelFile | undefined;
  /** Known facts about the file. */
  readonly facts: ColdFacts;
}

const toLimit = (contextTokens: number): NonNullable<ModelEntry['limit']> => ({
  context: contextTokens,
  output: contextTokens,
});

/** Members for the memory of a loaded model. */
function runningMembers(lifecycle: ModelLifecycle | undefined): Partial<ModelEntry> {
  const model = lifecycle?.running;
  if (!model) return {};
  const warnings = lifecycle.loaded?.warnings ?? [];
  const { vramMib, ramMib, backend, gpuLayers, stats } = model;
  return {
    ...(vramMib !== undefined && { vram_used_mb: vramMib }),
    // The engine counts only its own buffers; the process uses more.
    ...(ramMib !== undefined && { ram_used_mb: Math.max(ramMib, stats?.rssMib ?? 0) }),
    ...(backend !== undefined && { backend }),
    ...(gpuLayers !== undefined && { gpu_layers: gpuLayers }),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  };
}

/** The capabilities of a model: from the engine if it is loaded, else the known facts. */
function abilityMembers({
  lifecycle,
  facts,
}: KnownModel): Pick<ModelEntry, 'capabilities' | 'limit'> {
  const contextTokens = lifecycle?.running?.contextTokens ?? facts.contextTokens;
  return {
    capabilities: [...(lifecycle?.running?.capabilities ?? facts.capabilities ?? [])],
    ...(contextTokens !== undefined && { limit: toLimit(contextTokens) }),
  };
}

function toServable(lifecycle: ModelLifecycle | undefined): ModelEntry['servable'] {
  const servability = servabilityOf(lifecycle);
  return servability.kind === 'serves' ? { ok: true } : { ok: false, reason: servability.reason };
}

/** The model as `GET /models` shows it. Unknown values are absent. */
export function toModelEntry(known: KnownModel, nowMs: number): ModelEntry {
  const { id, lifecycle, file } = known;
  const quant = lifecycle?.running?.quant ?? file?.quant;
  const idleMs = lifecycle?.idleMs(nowMs);
  const loaded = lifecycle?.loaded;
  const { isPinned = false, lastUsedAt } = lifecycle?.residency ?? {};
  return {
    id,
    harness: lifecycle?.settings?.harness ?? 'llama',
    ...(loaded?.harnessReason !== undefined && { harness_reason: loaded.harnessReason }),
    status: lifecycle?.state ?? 'unloaded',
    devices: [...(loaded?.deviceIndexes ?? [])],
    ...runningMembers(lifecycle),
    ...abilityMembers(known),
    servable: toServable(lifecycle),
    quant,
    settings: lifecycle?.settings ? formatModelSettings(lifecycle.settings) : {},
    generation: lifecycle?.generation ?? 0,
    pinned: isPinned,
    on_disk: file !== undefined,
    ...(idleMs !== undefined && { idle_ms: Math.round(idleMs) }),
    ...(loaded && { age_ms: Math.round(nowMs - loaded.loadedAtMs) }),
    ...(loaded && { loaded_at: loaded.loadedAt }),
    last_used_at: lastUsedAt,
    ...(lifecycle?.progress !== undefined && { progress: lifecycle.progress }),
    ...(lifecycle?.reason !== undefined && { reason: lifecycle.reason }),
  };
}
