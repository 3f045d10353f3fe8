import type { CatalogueModel } from '@cortex/fleet';
import type { LoadModelRequest } from '@cortex/protocol';

const written = <T>(value: T | 'auto' | undefined): value is T =>
  value !== undefined && value !== 'auto';

/**
 * The load call for a model on a node: what models.toml says, as written (behaviour 27). `auto` and what is
 * not written is left to the node; a model that is in no catalogue is loaded as it lies on its disk.
 */
export function toLoadRequest(
  model: string,
  node: string,
  entry: CatalogueModel | undefined,
): LoadModelRequest {
  if (!entry) return { model_id: model };
  return {
    model_id: model,
    ...(entry.harness !== undefined && { harness: entry.harness }),
    ...(entry.source !== undefined && { source: entry.source }),
    ...(entry.quant !== undefined && { quant: entry.quant }),
    ...(written(entry.contextLength) && { context_length: entry.contextLength }),
    ...(written(entry.slots) && { slots: entry.slots }),
    ...(written(entry.gpuLayers) && { gpu_layers: entry.gpuLayers }),
    ...(entry.kvType !== undefined && { kv_type: entry.kvType }),
    ...(entry.draft !== undefined && { draft: entry.draft }),
    ...(entry.lora !== undefined && { lora: entry.lora.map((adapter) => ({ ...adapter })) }),
    ...(entry.mmproj !== undefined && { mmproj: entry.mmproj }),
    ...(entry.args !== undefined && { args: [...entry.args] }),
    ...(entry.upstreamModel !== undefined && { upstream_model: entry.upstreamModel }),
    ...(entry.params !== undefined && { params: { ...entry.params } }),
    ...(entry.onImage !== undefined && { on_image: entry.onImage }),
    ...(entry.vramMb !== undefined && { vram_mb: entry.vramMb }),
    ...(entry.ttlS !== undefined && { ttl_s: entry.ttlS }),
    ...(entry.pinnedOn?.includes(node) && { pinned: true }),
  };
}
