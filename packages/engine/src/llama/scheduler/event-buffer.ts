import type { EngineEvent } from '../../engine.ts';

/**
 * Items a request may be ahead of its consumer before its slots pause: 64 (contracts, the engine protocol), the one
 * that the step before has sampled included.
 */
const MAX_AHEAD = 63;

export interface EventBufferListeners {
  /** The consumer took so much that the request may go on. */
  readonly onRoom: () => void;
  /** The consumer left before the last event. */
  readonly onLeave: () => void;
  /** The last event is in, or nobody waits for it any more. */
  readonly onEnd?: () => void;
}

/** The events of one request between the scheduler, which pushes, and the consumer, who pulls. */
export class EventBuffer implements AsyncIterableIterator<EngineEvent, undefined> {
  readonly #listeners: EventBufferListeners;
  readonly #events: EngineEvent[] = [];
  #items = 0;
  #isEnded = false;
  #waiting: ((result: IteratorResult<EngineEvent, undefined>) => void) | undefined;

  constructor(listeners: EventBufferListeners) {
    this.#listeners = listeners;
  }

  get isFull(): boolean {
    return this.#items >= MAX_AHEAD;
  }

  /** After `done` or `error` nothing more is taken. */
  push(event: EngineEvent): void {
    if (this.#isEnded) return;
    if (event.type === 'done' || event.type === 'error') this.#end();
    const take = this.#waiting;
    if (take !== undefined) {
      this.#waiting = undefined;
      take({ done: false, value: event });
      return;
    }
    this.#events.push(event);
    if (event.type === 'items') this.#items += event.items.length;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<EngineEvent, undefined>> {
    const event = this.#events.shift();
    if (event === undefined) {
      if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => (this.#waiting = resolve));
    }
    if (event.type === 'items') {
      const wasFull = this.isFull;
      this.#items -= event.items.length;
      if (wasFull && !this.isFull) this.#listeners.onRoom();
    }
    return Promise.resolve({ done: false, value: event });
  }

  return(): Promise<IteratorResult<EngineEvent, undefined>> {
    this.#events.length = 0;
    this.#items = 0;
    if (!this.#isEnded) {
      this.#end();
      this.#listeners.onLeave();
    }
    this.#waiting?.({ done: true, value: undefined });
    this.#waiting = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(): void {
    this.#isEnded = true;
    this.#listeners.onEnd?.();
  }
}
