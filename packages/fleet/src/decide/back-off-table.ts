import type { LoadFailure, LoadFailures } from '../leases-view.ts';
import type { LoadOutcome } from './events.ts';

const FIRST_MS = 10_000;
const LAST_MS = 300_000;
/** Nodes choose the names of their models, so the table is bounded; the oldest go. */
const MAX_FAILURES = 10_000;

interface Failure extends LoadFailure {
  readonly node: string;
  readonly model: string;
  readonly recordedMs: number;
  readonly inARow: number;
  readonly isNodeLost: boolean;
}

const keyOf = (node: string, model: string): string => `${node}\n${model}`;

/**
 * Failed loads by node and model (behaviour 24). The back-off is what the node says, else 10 s, doubled with each failure
 * in a row, at most 5 min. A temporary failure ends early when memory on its node changes, one that was lost with its node
 * when the node answers again, any failure with the configuration.
 *
 * A failure answers the requests that arrived before it. A later request asks the node again, which answers at once
 * while its own back-off lasts: only the node knows when the cause has ended, such as a missing file. Loads that no
 * request asks for wait for the end of the back-off. Nothing is unloaded for a model that a node failed to load, as long
 * as that runs.
 */
export class BackOffTable implements LoadFailures {
  readonly #failures = new Map<string, Failure>();
  #nowMs = 0;
  #sinceMs = -Infinity;

  /** Sets the time for `failure`, which ignores what is over. */
  at(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#sinceMs = -Infinity;
  }

  /** `failure` counts only failures since then: the arrival of the request; -Infinity: all. */
  countSince(sinceMs: number): void {
    this.#sinceMs = sinceMs;
  }

  failure(node: string, model: string): LoadFailure | undefined {
    const failure = this.#failures.get(keyOf(node, model));
    return failure && failure.retryAtMs > this.#nowMs && failure.recordedMs >= this.#sinceMs
      ? failure
      : undefined;
  }

  /** The failure whose back-off runs, whoever it answers. */
  running(node: string, model: string): LoadFailure | undefined {
    const failure = this.#failures.get(keyOf(node, model));
    return failure && failure.retryAtMs > this.#nowMs ? failure : undefined;
  }

  record(node: string, model: string, outcome: Extract<LoadOutcome, { kind: 'failed' }>): void {
    const key = keyOf(node, model);
    const inARow = (this.#failures.get(key)?.inARow ?? 0) + 1;
    const ownMs = Math.min(LAST_MS, FIRST_MS * 2 ** (inARow - 1));
    const { reason, isTransient, isNodeLost = false, retryInMs = ownMs } = outcome;
    this.#failures.delete(key);
    this.#failures.set(key, {
      node,
      model,
      reason,
      isTransient,
      isNodeLost,
      recordedMs: this.#nowMs,
      inARow,
      retryAtMs: this.#nowMs + retryInMs,
    });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest);
  }

  clear(node: string, model: string): void {
    this.#failures.delete(keyOf(node, model));
  }

  /** Memory was freed on the node: what failed for want of it can be tried again. The count of failures stays. */
  memoryFreed(node: string): readonly string[] {
    return this.#endOn(node, ({ isTransient }) => isTransient);
  }

  /**
   * The node answered a poll that was sent at `sentMs`: loads that were lost with it can be tried again. A load that
   * loses its node twice in a row waits, because it may be what ends the node.
   */
  nodeAnswered(node: string, sentMs: number): readonly string[] {
    return this.#endOn(
      node,
      ({ isNodeLost, inARow, recordedMs }) => isNodeLost && inARow === 1 && recordedMs <= sentMs,
    );
  }

  /** Ends the back-offs on the node for which `isOver`; the count of failures stays. @returns their models */
  #endOn(node: string, isOver: (failure: Failure) => boolean): readonly string[] {
    const models: string[] = [];
    for (const [key, failure] of this.#failures) {
      if (failure.node !== node || failure.retryAtMs <= this.#nowMs || !isOver(failure)) continue;
      this.#failures.set(key, { ...failure, retryAtMs: this.#nowMs });
      models.push(failure.model);
    }
    return models;
  }

  /** The first moment at which a back-off of the model ends; Infinity: none. */
  nextEndMs(model: string): number {
    let nextMs = Infinity;
    for (const failure of this.#failures.values()) {
      if (failure.model === model && failure.retryAtMs > this.#nowMs) {
        nextMs = Math.min(nextMs, failure.retryAtMs);
      }
    }
    return nextMs;
  }

  forgetNode(node: string): void {
    for (const [key, failure] of this.#failures)
      if (failure.node === node) this.#failures.delete(key);
  }

  forgetAll(): void {
    this.#failures.clear();
  }
}
