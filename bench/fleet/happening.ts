import type { Conversation, Incident } from './scenario.ts';
import type { Running, SimHost } from './sim-host.ts';

/** What happens in a simulation at a moment of its own. */
export type Happening =
  | { readonly kind: 'turn'; readonly conversation: Conversation; readonly turn: number }
  | {
      readonly kind: 'end';
      readonly request: Running;
      readonly host: SimHost;
      readonly load: number;
    }
  | {
      readonly kind: 'load_end';
      readonly host: SimHost;
      readonly model: string;
      readonly load: number;
    }
  | { readonly kind: 'unload_end'; readonly host: SimHost; readonly model: string }
  | { readonly kind: 'incident'; readonly incident: Incident }
  | { readonly kind: 'woke'; readonly host: SimHost }
  | { readonly kind: 'timer'; readonly atMs: number };
