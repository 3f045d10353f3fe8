import { type Alias, type CatalogueModel } from '@cortex/fleet';
import { camelKeys } from '@cortex/protocol';

import { type ControlConfig } from '../control/control.ts';
import { type GatewayConfig } from './gateway-config.ts';
import { type ModelsConfig } from './models-config.ts';
import { type NodeTokens } from './read-secret-file.ts';

/** The settings of control from cortex.toml. */
export function toControlConfig(config: GatewayConfig, tokens: NodeTokens): ControlConfig {
  const { control, eviction, queue, routing, timeouts } = config;
  return {
    nodes: config.neurons.map((neuron) => ({
      name: neuron.name,
      endpoint: neuron.endpoint,
      weight: neuron.weight,
      expectedOffline: neuron.expected_offline || neuron.wake !== undefined,
      wake: neuron.wake,
      wakeMs: neuron.wake && neuron.wake.timeout_s * 1000,
      token: tokens.own.get(neuron.name) ?? tokens.shared,
      tlsFingerprint: toTlsFingerprint(neuron),
    })),
    pollIntervalS: control.poll_interval_s,
    failuresBeforeDown: control.failures_before_down,
    connectS: timeouts.connect_s,
    maxWaiting: queue.max_waiting,
    maxWaitS: queue.max_wait_s,
    maxHoldS: queue.max_hold_s,
    defragAfterCycles: eviction.defrag_after_cycles,
    eviction: { strategy: eviction.strategy, minResidencyMs: eviction.min_residency_s * 1000 },
    routing: { policy: routing.policy, affinityLoadFactor: routing.affinity_load_factor },
    starveS: queue.starve_s,
    holdS: queue.hold_s,
    autoPull: queue.auto_pull,
  };
}

/** The `[[models]]` of models.toml. */
export const toCatalogue = (config: ModelsConfig): CatalogueModel[] => config.models.map(camelKeys);

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
          params: written.params,
        },
  );
}

/** The pin of a node's certificate as 64 lower-case hex digits; undefined: none is configured. */
export const toTlsFingerprint = (
  neuron: Pick<GatewayConfig['neurons'][number], 'tls_fingerprint'>,
): string | undefined => neuron.tls_fingerprint?.replace(/^sha256:/i, '').toLowerCase();
