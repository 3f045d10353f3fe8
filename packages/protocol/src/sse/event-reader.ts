import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { LineEnds } from './line-ends.ts';

/** What `EventReader.push` found. */
export interface ReadEvents {
  readonly events: readonly EventSourceMessage[];
  /** Texts of the comment lines. */
  readonly comments: readonly string[];
}

/**
 * Splits the chunks of a byte stream into server-sent events. Chunks can end anywhere, also within a character. An
 * incomplete last event is dropped (WHATWG HTML, 9.2.6).
 */
export class EventReader {
  readonly #decoder = new TextDecoder();
  // The parser loses events of streams whose lines end with CR alone.
  readonly #lineEnds = new LineEnds();
  #events: EventSourceMessage[] = [];
  #comments: string[] = [];
  readonly #parser = createParser({
    onEvent: (event) => this.#events.push(event),
    onComment: (comment) => this.#comments.push(comment),
  });

  /** The events and comments that `chunk` completes. */
  push(chunk: Uint8Array): ReadEvents {
    this.#events = [];
    this.#comments = [];
    this.#parser.feed(this.#decoder.decode(this.#lineEnds.push(chunk), { stream: true }));
    return { events: this.#events, comments: this.#comments };
  }
}
