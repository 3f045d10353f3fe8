import { formatModelSettings, type ModelEntry, withoutUndefined } from '@cortex/protocol';

import type { ColdFacts } from '../harness/harness.ts';
import { isPinned, type StoredResidency } from '../node-state.ts';
import type { ModelFile } from '../store/model-file.ts';
import type { Pull } from '../store/pull/pull.ts';
import { fileMembers } from './file-members.ts';
import type { ModelLifecycle } from './model-lifecycle.ts';
import type { Offer } from './offered-models.ts';
import { servabilityOf } from './servability.ts';

/** The sources of a model entry; at least one of the first three is present. */
interface KnownModel {
  readonly id: string;
  readonly lifecycle: ModelLifecycle | undefined;
  readonly file: ModelFile | undefined;
  readonly offer: Offer | undefined;
  /** Known facts about the file, or about what the server offers. */
  readonly facts: ColdFacts;
  /** Its running or last pull. */
  readonly pull: Pull | undefined;
  readonly residency: StoredResidency;
}

const toLimit = (contextTokens: number): NonNullable<ModelEntry['limit']> => ({
  context: contextTokens,
  output: contextTokens,
});

/** Members for the memory that a load has reserved. */
function reservedMembers(lifecycle: ModelLifecycle | undefined): Partial<ModelEntry> {
  const reserved = lifecycle?.reserved;
  if (!reserved) return {};
  const { vramMib, ramMib } = reserved;
  const onGpusMib = [...vramMib.values()].reduce((total, mib) => total + mib, 0);
  return {
    devices: [...vramMib.keys()],
    vram_used_mb: Math.ceil(onGpusMib),
    ram_used_mb: Math.ceil(ramMib),
  };
}

/** Members for the memory of a loaded model, and whether it can give that back. */
function runningMembers(lifecycle: ModelLifecycle | undefined): Partial<ModelEntry> {
  const model = lifecycle?.running;
  if (!model) return reservedMembers(lifecycle);
  const warnings = lifecycle.loaded?.warnings ?? [];
  const { vramMib, ramMib, backend, gpuLayers, canSleep } = model;
  return {
    ...(canSleep === true && { can_sleep: true }),
    ...(vramMib !== undefined && { vram_used_mb: vramMib }),
    ...(ramMib !== undefined && { ram_used_mb: Math.ceil(ramMib) }),
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

/**
 * The state of a model with that of its files: it is `pulling` while they are downloaded for it, and has failed if
 * they are absent because their pull failed.
 */
function stateMembers(
  { lifecycle, file, pull }: KnownModel,
  nowMs: number,
): Pick<ModelEntry, 'status' | 'progress' | 'eta_s' | 'reason' | 'pull'> {
  const { state = 'unloaded', reason, loading } = lifecycle ?? {};
  const own = { status: state, progress: loading?.ratio, eta_s: loading?.etaS(nowMs), reason };
  const report = pull?.report();
  if (report?.status === 'running') {
    const isWaiting = state === 'unloaded' || state === 'failed' || state === 'loading';
    if (!isWaiting && state !== 'pulling') return { ...own, pull: report };
    const { progress, eta_s } = report;
    return { status: 'pulling', progress, eta_s, pull: report };
  }
  if (report?.status !== 'failed') return own;
  const isFailed = state === 'unloaded' && file === undefined;
  return isFailed
    ? { status: 'failed', reason: report.error, pull: report }
    : { ...own, pull: report };
}

/** The model as `GET /models` shows it. Unknown values are absent. */
export function toModelEntry(known: KnownModel, nowMs: number): ModelEntry {
  const { id, lifecycle, file, offer, residency } = known;
  const quant = lifecycle?.running?.quant ?? file?.quant;
  const idleMs = lifecycle?.idleMs(nowMs);
  const loaded = lifecycle?.loaded;
  return {
    id,
    // A call may name a kind; this is the harness that it found.
    harness: loaded?.harness.name ?? lifecycle?.settings?.harness ?? offer?.harness ?? 'llama',
    ...(loaded?.harnessReason !== undefined && { harness_reason: loaded.harnessReason }),
    ...withoutUndefined(stateMembers(known, nowMs)),
    devices: [...(loaded?.placement?.deviceIndexes ?? [])],
    ...runningMembers(lifecycle),
    ...abilityMembers(known),
    servable: toServable(lifecycle),
    quant,
    settings: lifecycle?.settings ? formatModelSettings(lifecycle.settings) : {},
    generation: lifecycle?.generation ?? 0,
    pinned: isPinned(residency),
    residency: { ttl_s: residency.ttlS, pinned: residency.isLoadPinned },
    ...fileMembers(file),
    ...(idleMs !== undefined && { idle_ms: Math.round(idleMs) }),
    ...(loaded && { age_ms: Math.round(nowMs - loaded.loadedAtMs) }),
    ...(loaded && { loaded_at: loaded.loadedAt }),
    last_used_at: lifecycle?.lastUsedAt,
  };
}
