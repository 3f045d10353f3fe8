import { formatNumberedEvent, type NumberedEvent, SSE_KEEP_ALIVE } from '@cortex/protocol';

import type { Clock } from '../clock.ts';

/** Unread text of one reader after which it is dropped, beside what the sockets hold: hundreds of changes. */
const MAX_UNREAD_CHARS = 1 << 20;
/** Pause between two keep-alive comments. */
const KEEP_ALIVE_MS = 15_000;

type WithoutRevision<T> = T extends unknown
  ? Omit<T, 'revision'> & { readonly kind: string }
  : never;

/** What is published: an event other than the snapshot. It is numbered by the feed. */
export type FeedChange<Event extends NumberedEvent> = WithoutRevision<
  Exclude<Event, { readonly kind: 'snapshot' }>
>;
/** What a reader gets first. */
type FeedSnapshot<Event extends NumberedEvent> = Omit<
  Extract<Event, { readonly kind: 'snapshot' }>,
  'kind' | 'revision'
>;

interface EventFeedOptions<Event extends NumberedEvent> {
  /** The state with all changes. It may publish changes that are due before it returns. */
  readonly snapshot: () => FeedSnapshot<Event>;
  readonly every: Clock['every'];
  readonly onClose: () => void;
  /** Revision to begin with; absent: the current time in milliseconds, which is above those of earlier starts. */
  readonly firstRevision?: number | undefined;
}

/** One reader: the text that it has not taken yet. */
class Reader {
  readonly #onDropped: () => void;
  #unread: string[] = [];
  #unreadChars = 0;
  #wake = Promise.withResolvers<void>();
  #isEnded = false;
  /** Text was waiting at the last keep-alive, and none of it has been taken since. */
  #isStalled = false;

  constructor(onDropped: () => void) {
    this.#onDropped = onDropped;
  }

  push(text: string): void {
    // Checked before, because what is published at once may be larger, such as all models of a node.
    if (this.#unreadChars > MAX_UNREAD_CHARS) return this.#drop();
    this.#unread.push(text);
    this.#unreadChars += text.length;
    this.#wake.resolve();
  }

  /** A comment if nothing is unread. A reader that has taken nothing since the last call is dropped. */
  keepAlive(): void {
    if (this.#unread.length === 0) return this.push(SSE_KEEP_ALIVE);
    if (this.#isStalled) this.#drop();
    this.#isStalled = true;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake.resolve();
  }

  /** All unread text; undefined at the end. */
  async next(): Promise<string | undefined> {
    while (this.#unread.length === 0) {
      if (this.#isEnded) return undefined;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
    const text = this.#unread.join('');
    this.#unread = [];
    this.#unreadChars = 0;
    this.#isStalled = false;
    return text;
  }

  #drop(): void {
    this.#unread = [];
    this.end();
    this.#onDropped();
  }
}

/**
 * Changes in order, as numbered server-sent events for any number of readers: each gets a snapshot and then every
 * change. A reader that is too slow is dropped.
 */
export class EventFeed<Event extends NumberedEvent> {
  readonly #options: EventFeedOptions<Event>;
  readonly #readers = new Set<Reader>();
  readonly #stop: () => void;
  #revision: number;
  #isClosed = false;

  constructor(options: EventFeedOptions<Event>) {
    this.#options = options;
    this.#revision = options.firstRevision ?? Date.now();
    this.#stop = options.every(KEEP_ALIVE_MS, () => {
      for (const reader of this.#readers) reader.keepAlive();
    });
  }

  /** The revision of the last change. */
  get revision(): number {
    return this.#revision;
  }

  /** Readers that are connected. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /** Whether the feed has ended: a new reader gets nothing. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  publish(change: FeedChange<Event>): void {
    this.publishAll([change]);
  }

  /** Publishes changes that belong together: a reader that keeps up gets them all, however many they are. */
  publishAll(changes: readonly FeedChange<Event>[]): void {
    const first = this.#revision + 1;
    this.#revision += changes.length;
    if (this.#readers.size === 0 || changes.length === 0) return;
    const text = changes
      .map((change, index) => formatNumberedEvent({ ...change, revision: first + index }))
      .join('');
    for (const reader of this.#readers) reader.push(text);
  }

  /**
   * The snapshot and every later change as server-sent events, until `signal` aborts, the feed closes or the reader
   * is too slow.
   *
   * @param onDropped - Called when the reader is too slow; its connection has to be closed.
   */
  async *read(signal: AbortSignal, onDropped: () => void): AsyncGenerator<string, void> {
    if (signal.aborted || this.#isClosed) return;
    const snapshot = this.#options.snapshot();
    const first = formatNumberedEvent({ ...snapshot, kind: 'snapshot', revision: this.#revision });
    const reader = new Reader(() => {
      this.#readers.delete(reader);
      onDropped();
    });
    // A generator that is suspended at a yield when its client disconnects is never resumed.
    const leave = (): void => {
      this.#readers.delete(reader);
      reader.end();
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#readers.add(reader);
    try {
      yield first;
      for (
        let text = await reader.next();
        text !== undefined && !signal.aborted;
        text = await reader.next()
      ) {
        yield text;
      }
    } finally {
      leave();
      signal.removeEventListener('abort', leave);
    }
  }

  /** Ends every answer. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop();
    this.#options.onClose();
    for (const reader of this.#readers) reader.end();
  }
}
