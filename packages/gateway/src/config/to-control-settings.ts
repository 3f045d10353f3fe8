import { type Alias, type CatalogueModel } from '@cortex/fleet';

import { type ControlConfig } from '../control/control.ts';
import { type GatewayConfig } from './gateway-config.ts';
import { type ModelProfile, type ModelsConfig } from './models-config.ts';

/** cortex.toml as control reads it. */
export function toControlConfig(
  config: GatewayConfig,
  nodeToken: string | undefined,
): ControlConfig {
  const { control, queue, timeouts } = config;
  return {
    nodes: config.neurons.map((neuron) => ({
      name: neuron.name,
      endpoint: neuron.endpoint,
      weight: neuron.weight,
      expectedOffline: neuron.expected_offline,
    })),
    pollIntervalS: control.poll_interval_s,
    failuresBeforeDown: control.failures_before_down,
    connectS: timeouts.connect_s,
    maxWaiting: queue.max_waiting,
    maxWaitS: queue.max_wait_s,
    maxHoldS: queue.max_hold_s,
    ...(nodeToken !== undefined && { nodeToken }),
  };
}

function toCatalogueModel(profile: ModelProfile): CatalogueModel {
  const { source, quant, vram_mb: vramMb, min_devices: minDevices } = profile;
  const { min_device_vram_mb: minDeviceVramMb, kv_type: kvType, draft, params } = profile;
  const lora = profile.lora?.map(({ source: from, scale }) => ({
    source: from,
    ...(scale !== undefined && { scale }),
  }));
  return {
    id: profile.id,
    harness: profile.harness,
    contextLength: profile.context_length,
    slots: profile.slots,
    gpuLayers: profile.gpu_layers,
    ttlS: profile.ttl_s,
    pinnedOn: profile.pinned_on,
    listed: profile.listed,
    ...(source !== undefined && { source }),
    ...(quant !== undefined && { quant }),
    ...(kvType !== undefined && { kvType }),
    ...(draft !== undefined && { draft }),
    ...(lora !== undefined && { lora }),
    ...(params !== undefined && { params }),
    ...(vramMb !== undefined && { vramMb }),
    ...(minDevices !== undefined && { minDevices }),
    ...(minDeviceVramMb !== undefined && { minDeviceVramMb }),
  };
}

/** The `[[models]]` of models.toml. */
export const toCatalogue = (config: ModelsConfig): CatalogueModel[] =>
  config.models.map(toCatalogueModel);

const toList = (models: string | readonly string[]): readonly string[] =>
  typeof models === 'string' ? [models] : models;

/** The `[aliases]` of models.toml. */
export function toAliases(config: ModelsConfig): Alias[] {
  return Object.entries(config.aliases).map(([name, written]) =>
    typeof written === 'string' || Array.isArray(written)
      ? { name, models: toList(written), listed: false }
      : {
          name,
          models: toList(written.model),
          listed: written.listed,
          ...(written.params !== undefined && { params: written.params }),
        },
  );
}
