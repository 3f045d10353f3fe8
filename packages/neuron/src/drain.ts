import { CortexError } from '@cortex/protocol';

import type { Every } from './every.ts';
import { Listeners } from './listeners.ts';
import type { NodeState, StoredDrain } from './node-state.ts';
import { refuse } from './refusal.ts';

const CHECK_MS = 1000;
/** For a drain without end: the caller should look for another node. */
const RETRY_AFTER_S = 60;

interface DrainOptions {
  readonly state: Pick<NodeState, 'drain' | 'setDrain'>;
  readonly every: Every;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
  /** Milliseconds since the epoch. */
  readonly dateMs?: (() => number) | undefined;
}

/**
 * The drain that an operator has asked for: the node refuses loads and still serves the models that it has. It
 * survives a restart.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #changes = new Listeners();
  readonly #stop: () => void;
  /** Monotonic time of its end; Infinity: until it is ended; undefined: no drain. */
  #endsMs: number | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    const stored = options.state.drain;
    if (stored) this.#endsMs = this.#nowMs() + this.#remainingMs(stored);
    this.#stop = options.every(CHECK_MS, () => this.#check());
  }

  get isActive(): boolean {
    return this.#endsMs !== undefined;
  }

  /** Whole seconds until it ends by itself; undefined if it does not. */
  get remainingS(): number | undefined {
    const endsMs = this.#endsMs;
    if (endsMs === undefined || endsMs === Infinity) return undefined;
    return Math.max(0, Math.ceil((endsMs - this.#nowMs()) / 1000));
  }

  /** Calls `listener` when a drain begins or ends. */
  onChange(listener: () => void): void {
    this.#changes.add(listener);
  }

  /** @param forS - Seconds until it ends by itself; undefined: until `end`. */
  begin(forS: number | undefined): void {
    const dateMs = (this.#options.dateMs ?? Date.now)();
    const until = forS === undefined ? undefined : new Date(dateMs + forS * 1000).toISOString();
    this.#options.state.setDrain({ until, for_s: forS });
    this.#set(forS === undefined ? Infinity : this.#nowMs() + forS * 1000);
  }

  end(): void {
    if (this.#endsMs === undefined) return;
    this.#options.state.setDrain(undefined);
    this.#set(undefined);
  }

  /** @throws CortexError `no_capacity` with the end of the drain while the node takes no loads */
  checkLoad(): void {
    if (!this.isActive) return;
    const remainingS = this.remainingS;
    const end = remainingS === undefined ? '' : ` for ${remainingS} more seconds`;
    throw refuse(
      new CortexError(
        'no_capacity',
        `This node is draining${end}: it loads no models. POST /drain {"draining": false} ends that.`,
        { retryAfterS: remainingS ?? RETRY_AFTER_S },
      ),
    );
  }

  close(): void {
    this.#stop();
  }

  #set(endsMs: number | undefined): void {
    const wasActive = this.isActive;
    this.#endsMs = endsMs;
    if (wasActive !== this.isActive) this.#changes.call();
  }

  #check(): void {
    if (this.#endsMs !== undefined && this.#nowMs() >= this.#endsMs) this.end();
  }

  /** The rest of a drain of an earlier daemon. It is at most the whole drain, whatever the machine's clock says. */
  #remainingMs({ until, for_s: forS }: StoredDrain): number {
    if (until === undefined || forS === undefined) return Infinity;
    const remainingMs = Date.parse(until) - (this.#options.dateMs ?? Date.now)();
    return Math.min(Math.max(0, remainingMs), forS * 1000);
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? (() => performance.now()))();
  }
}
