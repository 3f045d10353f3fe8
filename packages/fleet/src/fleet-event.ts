import type { Discovery, ModelEntry, ModelLoad, NodeHealth } from '@cortex/protocol';

import type { FleetConfig } from './catalogue.ts';

/**
 * How a load that cortex requested ended. `cancelled`: no request waited any more; the next report of the node
 * shows the result.
 */
export type LoadResult =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * A report of a node.
 *
 * `sentMs` is the time of the poll, `atMs` the time of the answer. Parts that the answer omits stay unchanged.
 */
export interface NodeReported {
  readonly kind: 'node_reported';
  readonly node: string;
  readonly sentMs: number;
  readonly atMs: number;
  readonly health?: NodeHealth | undefined;
  readonly models?: readonly ModelEntry[] | undefined;
  /** Revision of the last change that `models` contains; absent for a node without events. */
  readonly revision?: number | undefined;
  readonly discovery?: Discovery | undefined;
  readonly version?: string | undefined;
  /** Own leases on this node at the time of the poll, by model id, summed by weight. */
  readonly ownInFlight?: ReadonlyMap<string, number> | undefined;
}

/** Everything that changes the state of the fleet. All times are milliseconds of one monotonic clock. */
export type FleetEvent =
  | NodeReported
  | {
      readonly kind: 'node_missed';
      readonly node: string;
      /**
       * Time of the poll; absent: `atMs`. A failed poll from before the configuration of the node changed does not
       * count.
       */
      readonly sentMs?: number | undefined;
      readonly atMs: number;
      readonly error: string;
    }
  | {
      readonly kind: 'base_paths_known';
      readonly node: string;
      /** Path prefix for inference, by model id; other models have none. */
      readonly basePaths: ReadonlyMap<string, string>;
      readonly atMs: number;
    }
  | {
      readonly kind: 'model_changed';
      readonly node: string;
      readonly entry: ModelEntry;
      /** Its seats; absent if it is not loaded. */
      readonly load?: ModelLoad | undefined;
      /** Revision of the change on the node; absent: only the time counts. */
      readonly revision?: number | undefined;
      readonly atMs: number;
    }
  | {
      readonly kind: 'devices_changed';
      readonly node: string;
      readonly devices: NodeHealth['devices'];
      readonly atMs: number;
    }
  | {
      readonly kind: 'draining_changed';
      readonly node: string;
      readonly draining: boolean;
      readonly atMs: number;
    }
  | {
      /** State of a model that cortex learned from the answer to one of its own calls; valid until the next report. */
      readonly kind: 'model_status';
      readonly node: string;
      readonly model: string;
      readonly status: string;
      readonly atMs: number;
    }
  | {
      /** The node refused for a full queue: no room until its next report or the end of an own lease. */
      readonly kind: 'model_full';
      readonly node: string;
      readonly model: string;
      readonly ownInFlight: number;
      readonly atMs: number;
    }
  | {
      readonly kind: 'model_gone';
      readonly node: string;
      readonly model: string;
      /** As in `model_changed`. */
      readonly revision?: number | undefined;
      readonly atMs: number;
    }
  | {
      readonly kind: 'load_started';
      readonly node: string;
      readonly model: string;
      readonly atMs: number;
    }
  | {
      readonly kind: 'load_progress';
      readonly node: string;
      readonly model: string;
      /** 0 to 1. */
      readonly progress: number;
      readonly atMs: number;
    }
  | {
      readonly kind: 'load_ended';
      readonly node: string;
      readonly model: string;
      readonly result: LoadResult;
      readonly atMs: number;
    }
  | { readonly kind: 'config_changed'; readonly config: FleetConfig; readonly atMs: number };
