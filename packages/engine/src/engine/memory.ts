import type { Backend } from './load.ts';

export interface EngineDevice {
  readonly name: string;
  readonly backend: Backend;
  /** Memory, if it is known for this device alone. A GPU among several gives none. */
  readonly totalMib?: number | undefined;
  readonly freeMib?: number | undefined;
  /** Whether its memory is that of the host. Absent: no. */
  readonly sharesRam?: boolean | undefined;
}

/** Memory that a load may take, MiB. An absent member means no limit. */
export interface MemoryBudget {
  readonly vramMib?: number | undefined;
  readonly ramMib?: number | undefined;
}

/** Memory of a load, estimated without loading: weights, KV cells and compute buffers. */
export interface MemoryEstimate {
  readonly vramMib: number;
  readonly ramMib: number;
  readonly kvMibPer1kTokens: number;
  /** The settings of the spec, `auto` resolved within the budget. */
  readonly contextTokens: number;
  readonly slots: number;
  readonly gpuLayers: number;
  /** Number of layers of the model, including the output layer. */
  readonly layers: number;
  /** Whether the estimate is within the budget. */
  readonly fits: boolean;
  /** Largest context of a single slot within the budget, at most what the model was trained for; 0: none. */
  readonly contextMax: number;
  /** Slots of `contextTokens` within the budget, at most 8; 0: none. */
  readonly slotsMax: number;
}
