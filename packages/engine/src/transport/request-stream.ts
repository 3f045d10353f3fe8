import type { EngineEvent, EngineUsage } from '../engine/generate.ts';
import { CREDIT_OVERDRAFT, INITIAL_CREDIT } from '../protocol/index.ts';

/** What a stream needs of its connection. */
export interface StreamLink {
  start(stream: RequestStream): void;
  cancel(): void;
  returnCredit(items: number): void;
}

/** Items taken before their credit is returned, so that a stream needs one message per so many tokens. */
const CREDIT_BATCH = 16;

const NO_USAGE: EngineUsage = {
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
};

const CANCELLED: EngineEvent = {
  type: 'done',
  finish: [{ reason: 'cancelled' }],
  usage: NO_USAGE,
  timings: { queueMs: 0, promptMs: 0, decodeMs: 0 },
};

type Next = IteratorResult<EngineEvent, undefined>;
const FINISHED: Next = { done: true, value: undefined };

/**
 * Owner's side of one `generate`: events that have arrived and are not taken yet.
 *
 * It holds at most the credit plus the overdraft, because credit is returned only as the consumer takes items.
 */
export class RequestStream implements AsyncIterableIterator<EngineEvent, undefined> {
  readonly #link: StreamLink;
  readonly #signal: AbortSignal;
  readonly #queue: EngineEvent[] = [];
  #queuedItems = 0;
  #takenItems = 0;
  #state: 'new' | 'started' | 'accepted' | 'ended' = 'new';
  #isAbandoned = false;
  #waiting: ((next: Next) => void) | undefined;
  readonly #onAbort = () => this.#link.cancel();

  constructor(link: StreamLink, signal: AbortSignal) {
    this.#link = link;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Next> {
    if (this.#state === 'new') this.#start();
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: this.#take(event) });
    if (this.#state === 'ended' || this.#isAbandoned) return Promise.resolve(FINISHED);
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  /** The consumer has stopped: cancels the engine's work and drops later events. */
  return(): Promise<Next> {
    const isRunning = this.#state === 'started' || this.#state === 'accepted';
    if (this.#state === 'new') this.#state = 'ended';
    this.#isAbandoned = true;
    this.#queue.length = 0;
    this.#queuedItems = 0;
    if (isRunning) this.#link.cancel();
    this.#waiting?.(FINISHED);
    return Promise.resolve(FINISHED);
  }

  /** How `event` violates the message order or the credit; undefined when it does not. */
  violationOf(event: EngineEvent): string | undefined {
    const isAccepted = this.#state === 'accepted';
    if (event.type === 'accepted') return isAccepted ? 'it was accepted twice' : undefined;
    if (event.type === 'error' || isAccepted) return this.#overdraftOf(event);
    if (event.type === 'items') return 'items came before it was accepted';
    const isCancelled = event.finish.every((choice) => choice.reason === 'cancelled');
    return isCancelled ? undefined : 'it was done before it was accepted';
  }

  /** Gives `event` to the consumer. The caller has checked `violationOf`. */
  push(event: EngineEvent): void {
    if (event.type === 'accepted') this.#state = 'accepted';
    if (event.type === 'done' || event.type === 'error') this.#end();
    if (this.#isAbandoned) return;
    const resolve = this.#waiting;
    if (resolve === undefined) {
      if (event.type === 'items') this.#queuedItems += event.items.length;
      this.#queue.push(event);
      return;
    }
    this.#waiting = undefined;
    if (event.type === 'items') this.#returnCredit(event.items.length);
    resolve({ done: false, value: event });
  }

  #overdraftOf(event: EngineEvent): string | undefined {
    if (event.type !== 'items') return undefined;
    const items = this.#queuedItems + event.items.length;
    return items > INITIAL_CREDIT + CREDIT_OVERDRAFT ? 'items came without credit' : undefined;
  }

  #start(): void {
    if (this.#signal.aborted) {
      this.#state = 'ended';
      this.#queue.push(CANCELLED);
      return;
    }
    this.#state = 'started';
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#link.start(this);
  }

  #end(): void {
    this.#state = 'ended';
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  #take(event: EngineEvent): EngineEvent {
    if (event.type === 'items') {
      this.#queuedItems -= event.items.length;
      this.#returnCredit(event.items.length);
    }
    return event;
  }

  #returnCredit(items: number): void {
    this.#takenItems += items;
    if (this.#takenItems < CREDIT_BATCH || this.#state === 'ended') return;
    this.#link.returnCredit(this.#takenItems);
    this.#takenItems = 0;
  }
}
