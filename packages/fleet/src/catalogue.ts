import type { ModelSettings } from '@cortex/protocol';

/**
 * One `[[models]]` entry of models.toml. The node chooses absent values.
 *
 * Memory in MiB, `ttlS` in seconds. If `harness` is set, the node must offer it.
 */
export interface CatalogueModel extends ModelSettings {
  readonly id: string;
  readonly vramMb?: number | undefined;
  readonly minDevices?: number | undefined;
  readonly minDeviceVramMb?: number | undefined;
  readonly allowCpu?: boolean | undefined;
  /** Nodes that are preferred for the model and never evict it. */
  readonly pinnedOn?: readonly string[] | undefined;
  readonly ttlS?: number | undefined;
  /** A model never displaces one of a higher priority. Absent: 100. */
  readonly residencyPriority?: number | undefined;
  /** `manual`: only the operator loads it. Absent: `auto`. */
  readonly load?: 'auto' | 'manual' | undefined;
  /** Loaded before it is asked for, and loaded again after its node is lost. */
  readonly preload?: boolean | undefined;
  /** Replicas while it is wanted. Absent: 1. */
  readonly replicas?: number | undefined;
  /** Above `replicas`: more of them on nodes with room, when requests wait longer than a load takes. */
  readonly maxReplicas?: number | undefined;
  /** False hides it from `/v1/models`; it still serves. Absent: true. */
  readonly listed?: boolean | undefined;
}

/** One entry of `[aliases]`. A name with `*` is a glob; `default` stands for unknown names. */
export interface Alias {
  readonly name: string;
  /** Model ids, never other aliases. The first loaded one is used. */
  readonly models: readonly string[];
  /** True: `/v1/models` shows the alias as a separate entry. */
  readonly listed: boolean;
  /**
   * Defaults of request fields for requests that use this name. They take precedence over the `params` of the
   * model.
   */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** One `[[neurons]]` entry of cortex.toml. */
export interface NodeConfig {
  readonly name: string;
  /** Base URL of the neuron. */
  readonly endpoint: string;
  /** Speed relative to other nodes until it is measured; absent: 1. */
  readonly weight?: number | undefined;
  /** The node may sleep: ranks last and does not degrade `/health`. */
  readonly expectedOffline?: boolean | undefined;
  /** cortex can wake it, which takes at most so long. Absent: it cannot. */
  readonly wakeMs?: number | undefined;
}

/** The part of the configuration that the fleet snapshot depends on. */
export interface FleetConfig {
  readonly nodes: readonly NodeConfig[];
  readonly catalogue: readonly CatalogueModel[];
  readonly aliases: readonly Alias[];
  /** Failed polls in a row before a node counts as down. */
  readonly failuresBeforeDown: number;
}
