import type { ModelSettings } from '@cortex/protocol';

/**
 * One `[[models]]` entry of models.toml. The node decides what is absent.
 *
 * Memory in MiB, `ttlS` in seconds. A node must offer `harness` where it is named.
 */
export interface CatalogueModel extends ModelSettings {
  readonly id: string;
  readonly vramMb?: number | undefined;
  readonly minDevices?: number | undefined;
  readonly minDeviceVramMb?: number | undefined;
  readonly allowCpu?: boolean | undefined;
  /** Nodes preferred for it, and where it is never evicted. */
  readonly pinnedOn?: readonly string[] | undefined;
  readonly ttlS?: number | undefined;
  /** Absent: true. False keeps it out of `/v1/models`; it still serves. */
  readonly listed?: boolean | undefined;
}

/** One entry of `[aliases]`. A name with `*` is a glob; `default` stands for unknown names. */
export interface Alias {
  readonly name: string;
  /** Model ids, never other aliases. The first that is loaded is taken. */
  readonly models: readonly string[];
  /** True: shown in `/v1/models` as an entry of its own. */
  readonly listed: boolean;
  /** Defaults of request fields for requests that use this name; the models' own `params` yield to them. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** One `[[neurons]]` entry of cortex.toml. */
export interface NodeConfig {
  readonly name: string;
  /** Base URL of the neuron. */
  readonly endpoint: string;
  /** Speed relative to the others until it has been measured; absent: 1. */
  readonly weight?: number | undefined;
  /** The node may sleep: ranks last and does not degrade `/health`. */
  readonly expectedOffline?: boolean | undefined;
}

/** Everything the operator wrote that the fleet snapshot depends on. */
export interface FleetConfig {
  readonly nodes: readonly NodeConfig[];
  readonly catalogue: readonly CatalogueModel[];
  readonly aliases: readonly Alias[];
  /** Failed polls in a row before a node counts as down. */
  readonly failuresBeforeDown: number;
}
