import type { EngineEvent } from '../../engine/generate.ts';

/**
 * Items that a request may be ahead of its consumer before its slots pause. The limit of the engine protocol is 64,
 * which includes the item sampled by the previous step.
 */
const MAX_AHEAD = 63;

export interface EventBufferListeners {
  /** Called when the consumer has taken enough for the request to continue. */
  readonly onRoom: () => void;
  /** Called when the consumer stops before the last event. */
  readonly onConsumerStop: () => void;
  /** The last event was pushed, or the consumer has stopped. */
  readonly onEnd?: () => void;
}

/** The events of one request: the scheduler pushes them, the consumer pulls them. */
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

  /** Events after `done` or `error` are ignored. */
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
      this.#listeners.onConsumerStop();
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
