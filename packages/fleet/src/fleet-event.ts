import type { Discovery, ModelEntry, NodeHealth } from '@cortex/protocol';

import type { FleetConfig } from './catalogue.ts';

/** How a load that cortex asked for ended. `cancelled`: no request waited any more; the node's next report says what is left. */
export type LoadResult =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * An answer of a node.
 *
 * `sentMs` is when it was asked, `atMs` when it answered; what the answer leaves out stays as it was.
 */
export interface NodeReported {
  readonly kind: 'node_reported';
  readonly node: string;
  readonly sentMs: number;
  readonly atMs: number;
  readonly health?: NodeHealth | undefined;
  readonly models?: readonly ModelEntry[] | undefined;
  readonly discovery?: Discovery | undefined;
  readonly version?: string | undefined;
  /** Own leases on this node when it was asked, by model id, summed by weight. */
  readonly ownInFlight?: ReadonlyMap<string, number> | undefined;
}

/** Everything that changes the state of the fleet. All times are milliseconds of one monotonic clock. */
export type FleetEvent =
  | NodeReported
  | {
      readonly kind: 'node_missed';
      readonly node: string;
      /** When it was asked; absent: `atMs`. A miss of a question from before the node's configuration changed does not count. */
      readonly sentMs?: number | undefined;
      readonly atMs: number;
      readonly error: string;
    }
  | {
      readonly kind: 'base_paths_known';
      readonly node: string;
      /** The path under which inference for a model is sent, by model id; models not named: none. */
      readonly basePaths: ReadonlyMap<string, string>;
      readonly atMs: number;
    }
  | {
      readonly kind: 'model_changed';
      readonly node: string;
      readonly entry: ModelEntry;
      readonly atMs: number;
    }
  | {
      /** What cortex learned of a model outside of a report, from the answer to a call of its own: holds until the next report. */
      readonly kind: 'model_status';
      readonly node: string;
      readonly model: string;
      readonly status: string;
      readonly atMs: number;
    }
  | {
      /** The node refused for a full queue: no room until its next report or the end of a lease of our own. */
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
