import type { LoadModelRequest } from '@cortex/protocol';

import { isPinned, type NodeState } from '../node-state.ts';

/** How long an idle model stays loaded: TTL and pin, which survive a restart, and the time of the last use. */
export class Residency {
  readonly #modelId: string;
  readonly #state: Pick<NodeState, 'residency' | 'setResidency'>;
  #lastUsedMs: number | undefined;
  #lastUsedAt: string | undefined;

  constructor(modelId: string, state: Pick<NodeState, 'residency' | 'setResidency'>) {
    this.#modelId = modelId;
    this.#state = state;
  }

  get isPinned(): boolean {
    return isPinned(this.#state.residency(this.#modelId));
  }

  /** ISO 8601; absent before the first use. */
  get lastUsedAt(): string | undefined {
    return this.#lastUsedAt;
  }

  /**
   * TTL and pin of a load call: they are not engine settings, so the last call that sets them wins. `pinned: false`
   * takes back the pin of an earlier load call, and leaves that of an operator.
   */
  keep({ ttl_s: ttlS, pinned }: Pick<LoadModelRequest, 'ttl_s' | 'pinned'>): void {
    const before = this.#state.residency(this.#modelId);
    const isUndone = pinned === true && before.operatorPin === false;
    this.#state.setResidency(this.#modelId, {
      operatorPin: isUndone ? undefined : before.operatorPin,
      isLoadPinned: pinned ?? before.isLoadPinned,
      ttlS: ttlS ?? before.ttlS,
    });
  }

  /** The pin of an operator. */
  pin(pinned: boolean): void {
    const before = this.#state.residency(this.#modelId);
    // Without a pin to undo there is nothing to remember.
    const operatorPin = pinned || before.isLoadPinned ? pinned : undefined;
    this.#state.setResidency(this.#modelId, { ...before, operatorPin });
  }

  /** Call it when a request has ended (behaviour 34). */
  used(): void {
    this.#lastUsedMs = performance.now();
    this.#lastUsedAt = new Date().toISOString();
  }

  /** Milliseconds since the last request ended, or since the load if there was none. */
  idleMs(loadedAtMs: number, nowMs: number): number {
    return nowMs - Math.max(this.#lastUsedMs ?? loadedAtMs, loadedAtMs);
  }

  /** Whether an idle model has exceeded its TTL. */
  isOver(idleMs: number): boolean {
    const { ttlS } = this.#state.residency(this.#modelId);
    return ttlS > 0 && !this.isPinned && idleMs >= ttlS * 1000;
  }
}
