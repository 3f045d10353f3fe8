import type { Scenario } from './scenario.ts';

/** What the simulated fleet tells a scheduler. */
export type SimEvent =
  | { readonly kind: 'started' }
  | {
      readonly kind: 'arrived';
      readonly request: string;
      readonly model: string;
      readonly conversation: string;
    }
  | {
      readonly kind: 'ended';
      readonly request: string;
      readonly model: string;
      readonly node: string;
    }
  /** The node failed under the request, which arrives again. */
  | {
      readonly kind: 'broken';
      readonly request: string;
      readonly model: string;
      readonly node: string;
    }
  | { readonly kind: 'loaded'; readonly model: string; readonly node: string }
  | {
      readonly kind: 'load_failed';
      readonly model: string;
      readonly node: string;
      readonly missingMib: number;
    }
  /** `evicted`: as a load asked for; `yielded`: the node gave the memory to another program. */
  | {
      readonly kind: 'unloaded';
      readonly model: string;
      readonly node: string;
      readonly why: 'evicted' | 'yielded';
    }
  | { readonly kind: 'node_down'; readonly node: string }
  | { readonly kind: 'node_up'; readonly node: string }
  | { readonly kind: 'foreign'; readonly node: string; readonly mib: number }
  | { readonly kind: 'time' };

/** What a scheduler wants done. */
export type SimAction =
  | { readonly kind: 'grant'; readonly request: string; readonly node: string }
  | { readonly kind: 'refuse'; readonly request: string }
  /** Unloads `victims`, then loads. */
  | {
      readonly kind: 'load';
      readonly model: string;
      readonly node: string;
      readonly victims: readonly string[];
    }
  | { readonly kind: 'cancel'; readonly model: string; readonly node: string }
  | { readonly kind: 'wake'; readonly node: string }
  | { readonly kind: 'timer'; readonly atMs: number };

export interface Policy {
  handle(event: SimEvent, nowMs: number): readonly SimAction[];
  /** Broken promises of the scheduler itself. */
  violations?(): readonly string[];
}

export type MakePolicy = (scenario: Scenario) => Policy;
