/**
 * One `[[models]]` entry of models.toml. Absent fields are the neuron's to decide.
 *
 * `contextLength` in tokens per slot, memory in MiB, `ttlS` in seconds.
 */
export interface CatalogueModel {
  readonly id: string;
  /** Name of a harness that a node must offer; absent: any. */
  readonly harness?: string;
  readonly source?: string;
  readonly quant?: string;
  readonly vramMb?: number;
  readonly minDevices?: number;
  readonly minDeviceVramMb?: number;
  readonly contextLength?: number | 'auto';
  readonly slots?: number | 'auto';
  readonly gpuLayers?: number | 'auto' | 'all';
  readonly kvType?: 'f16' | 'q8_0' | 'q4_0';
  readonly allowCpu?: boolean;
  readonly residencyPriority?: number;
  /** Nodes preferred for it, and where it is never evicted. */
  readonly pinnedOn?: readonly string[];
  readonly ttlS?: number;
  readonly preload?: boolean;
  readonly replicas?: number;
  readonly onImage?: 'reject' | 'placeholder';
  /** Absent: true. False keeps it out of `/v1/models`; it still serves. */
  readonly listed?: boolean;
  readonly draft?: string;
  readonly lora?: readonly { readonly source: string; readonly scale?: number }[];
  readonly mmproj?: string;
  readonly args?: readonly string[];
  readonly upstreamModel?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** One entry of `[aliases]`. A name with `*` is a glob; `default` stands for names nobody knows. */
export interface Alias {
  readonly name: string;
  /** Model ids, never other aliases. The first that is loaded is taken. */
  readonly models: readonly string[];
  /** True: shown in `/v1/models` as an entry of its own. */
  readonly listed: boolean;
  /** Request fields for whoever asks by this name and does not set them; the models' own `params` yield to them. */
  readonly params?: Readonly<Record<string, unknown>>;
}

/** One `[[neurons]]` entry of cortex.toml. */
export interface NodeConfig {
  readonly name: string;
  /** Base URL of the neuron. */
  readonly endpoint: string;
  /** Speed relative to the others until it has been measured; absent: 1. */
  readonly weight?: number;
  /** The node may sleep: ranks last and does not degrade `/health`. */
  readonly expectedOffline?: boolean;
}

/** Everything the operator wrote that the picture of the fleet depends on. */
export interface FleetConfig {
  readonly nodes: readonly NodeConfig[];
  readonly catalogue: readonly CatalogueModel[];
  readonly aliases: readonly Alias[];
  /** Failed polls in a row before a node counts as down. */
  readonly failuresBeforeDown: number;
}
