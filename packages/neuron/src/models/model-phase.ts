import type { ModelState } from '@cortex/protocol';

import { abortable } from '../abortable.ts';
import type { LoadFailure } from './load-failure.ts';
import type { Loaded } from './load-onto-harness.ts';
import type { LoadUnderWay } from './load-under-way.ts';
import { mayFollow } from './model-transitions.ts';
import type { UnloadUnderWay } from './unload-under-way.ts';

/** A state of a model, and what belongs to it. */
export type Phase =
  | { readonly kind: 'unloaded' }
  | { readonly kind: 'pulling' | 'loading'; readonly loading: LoadUnderWay }
  | { readonly kind: 'loaded' | 'recovering'; readonly loaded: Loaded }
  | {
      readonly kind: 'sleeping';
      readonly loaded: Loaded;
      /** Resolves when its memory is free. Never rejects. */
      readonly asleep: Promise<void>;
    }
  | {
      readonly kind: 'draining' | 'unloading';
      readonly loaded: Loaded;
      readonly unloading: UnloadUnderWay;
    }
  | {
      readonly kind: 'failed';
      readonly failure: LoadFailure;
      /** Fingerprint of its file in the scan at that time; undefined if there was none. */
      readonly listed: string | undefined;
    };

/** The one place that holds the phase of a model. Every change goes through `enter`, which reports it. */
export class ModelPhase {
  readonly #modelId: string;
  readonly #onEnter: () => void;
  #current: Phase = { kind: 'unloaded' };
  #next = Promise.withResolvers<void>();

  /** @param onEnter - Called after every change. */
  constructor(modelId: string, onEnter: () => void) {
    this.#modelId = modelId;
    this.#onEnter = onEnter;
  }

  get current(): Phase {
    return this.#current;
  }

  get state(): ModelState {
    return this.#current.kind;
  }

  /** @throws Error if the contract does not allow the change: a fault of this program */
  enter(next: Phase): void {
    const from = this.#current.kind;
    if (!mayFollow(from, next.kind)) {
      throw new Error(`${this.#modelId} is ${from} and cannot become ${next.kind}`);
    }
    this.#current = next;
    this.#next.resolve();
    this.#next = Promise.withResolvers();
    this.#onEnter();
  }

  /** Resolves after the next change. @throws the reason of `signal` when that aborts first */
  changed(signal: AbortSignal | undefined): Promise<void> {
    return abortable(this.#next.promise, signal);
  }
}
