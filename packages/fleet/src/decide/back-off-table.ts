import type { LoadFailure, LoadFailures } from '../leases-view.ts';
import type { LoadOutcome } from './events.ts';

const FIRST_MS = 10_000;
const LAST_MS = 300_000;
/** Nodes choose the names of their models, so the table is bounded; the oldest go. */
const MAX_FAILURES = 10_000;

interface Failure extends LoadFailure {
  readonly node: string;
  readonly model: string;
  readonly inARow: number;
}

const keyOf = (node: string, model: string): string => `${node}\n${model}`;

/**
 * Failed loads by node and model (behaviour 24): 10 s, doubled with each failure in a row, at most 5 min. A temporary
 * failure ends early when memory on its node changes, any failure with the configuration or a new file.
 */
export class BackOffTable implements LoadFailures {
  readonly #failures = new Map<string, Failure>();
  #nowMs = 0;

  /** Sets the time for `failure`, which ignores what is over. */
  at(nowMs: number): this {
    this.#nowMs = nowMs;
    return this;
  }

  failure(node: string, model: string): LoadFailure | undefined {
    const failure = this.#failures.get(keyOf(node, model));
    return failure && failure.retryAtMs > this.#nowMs ? failure : undefined;
  }

  record(node: string, model: string, outcome: Extract<LoadOutcome, { kind: 'failed' }>): void {
    const key = keyOf(node, model);
    const inARow = (this.#failures.get(key)?.inARow ?? 0) + 1;
    const ownMs = Math.min(LAST_MS, FIRST_MS * 2 ** (inARow - 1));
    const { reason, isTransient, retryInMs = ownMs } = outcome;
    this.#failures.delete(key);
    this.#failures.set(key, {
      node,
      model,
      reason,
      isTransient,
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
    const models: string[] = [];
    for (const [key, failure] of this.#failures) {
      if (failure.node !== node || !failure.isTransient || failure.retryAtMs <= this.#nowMs)
        continue;
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

  forgetAll(): void {
    this.#failures.clear();
  }
}
