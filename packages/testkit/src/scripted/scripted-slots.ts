import type { ScriptedRequest } from './scripted-request.ts';

/** The slots of the scripted engine and its queue, which is served round-robin between principals. */
export class ScriptedSlots {
  readonly count: number;
  readonly batchSizes: Record<string, number> = {};
  readonly #busy = new Set<ScriptedRequest>();
  /** In the order in which principals are served next; FIFO per principal. */
  readonly #queues = new Map<string, ScriptedRequest[]>();
  #isScheduled = false;
  #lastStepMs: number | undefined;
  #onIdle: (() => void) | undefined;

  constructor(count: number) {
    this.count = count;
  }

  counts() {
    const busy = [...this.#busy];
    return {
      queueDepth: [...this.#queues.values()].reduce((sum, queue) => sum + queue.length, 0),
      slots: this.count,
      busySlots: busy.length,
      runnableSlots: busy.filter((request) => request.isRunnable).length,
      kvCellsUsed: busy.reduce((sum, request) => sum + request.usedTokens, 0),
      lastStepAgeMs:
        this.#lastStepMs === undefined ? undefined : performance.now() - this.#lastStepMs,
    };
  }

  enqueue(request: ScriptedRequest): void {
    const { principal } = request.plan;
    const queue = this.#queues.get(principal);
    if (queue === undefined) this.#queues.set(principal, [request]);
    else queue.push(request);
    this.run();
  }

  cancel(request: ScriptedRequest): void {
    request.cancel();
    const { principal } = request.plan;
    const left = this.#queues.get(principal)?.filter((queued) => queued !== request) ?? [];
    if (left.length > 0) this.#queues.set(principal, left);
    else this.#queues.delete(principal);
    this.#release(request);
    this.run();
  }

  /** Runs steps until nothing is runnable, one step per turn of the event loop. */
  run(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#step();
    });
  }

  /** Resolves when all requests have ended: normally within `graceMs`, the rest with `shutting_down`. */
  async drain(graceMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#isIdle) return resolve();
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    const left = [...this.#busy, ...[...this.#queues.values()].flat()];
    this.#busy.clear();
    this.#queues.clear();
    for (const request of left) request.fail('shutting_down', 'The engine is shutting down.');
  }

  get #isIdle(): boolean {
    return this.#busy.size === 0 && this.#queues.size === 0;
  }

  #step(): void {
    this.#fill();
    const batch = [...this.#busy].filter((request) => request.isRunnable);
    for (const request of this.#busy) void request.closedGate?.opened.then(() => this.run());
    if (batch.length === 0) return;
    this.batchSizes[batch.length] = (this.batchSizes[batch.length] ?? 0) + 1;
    this.#lastStepMs = performance.now();
    for (const request of batch) {
      request.step();
      if (request.hasEnded) this.#release(request);
    }
    this.run();
  }

  #fill(): void {
    for (const [principal, queue] of this.#queues) {
      if (this.#busy.size >= this.count) return;
      const request = queue.shift();
      // Moved to the end, so that every other principal is served before this one again.
      this.#queues.delete(principal);
      if (queue.length > 0) this.#queues.set(principal, queue);
      if (request === undefined) continue;
      request.admit();
      this.#busy.add(request);
    }
  }

  #release(request: ScriptedRequest): void {
    this.#busy.delete(request);
    if (this.#isIdle) this.#onIdle?.();
  }
}
