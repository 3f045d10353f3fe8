/** What a simulation runs: hosts, models, conversations, and what goes wrong. */

export interface SimNode {
  readonly name: string;
  /** MiB for models. */
  readonly vramMib: number;
  /** The slower of disk and bus, MiB a second. */
  readonly loadMibS: number;
  /** Relative to others. */
  readonly speed: number;
  /** It sleeps until woken. */
  readonly isAsleep?: boolean;
}

export interface SimModel {
  readonly id: string;
  readonly sizeMib: number;
  readonly slots: number;
  /** Lower is less important; for the baseline that has priorities. */
  readonly priority: number;
}

/** One request of a conversation. */
export interface Turn {
  readonly model: string;
  /** After the end of the turn before, ms. */
  readonly pauseMs: number;
  /** On a node of speed 1, without the prefix in its cache. */
  readonly prefillMs: number;
  readonly decodeMs: number;
}

export interface Conversation {
  readonly id: string;
  readonly startMs: number;
  readonly turns: readonly Turn[];
}

export type Incident =
  | { readonly kind: 'node_down' | 'node_up'; readonly atMs: number; readonly node: string }
  /** Another program takes that much of the GPU. */
  | { readonly kind: 'foreign'; readonly atMs: number; readonly node: string; readonly mib: number }
  /** Loads take that many times longer. */
  | {
      readonly kind: 'slow_loads';
      readonly atMs: number;
      readonly node: string;
      readonly factor: number;
    };

export interface Scenario {
  readonly name: string;
  readonly nodes: readonly SimNode[];
  readonly models: readonly SimModel[];
  readonly conversations: readonly Conversation[];
  readonly incidents: readonly Incident[];
}
