import { type EventSourceMessage } from 'eventsource-parser';

import { EventReader } from './event-reader.ts';

/**
 * Splits a byte stream into server-sent events.
 *
 * Yields one array per chunk that completes an event, so that a caller needs one `await` per network read and not
 * one per token. Comments and an incomplete last event are dropped (WHATWG HTML, 9.2.6).
 */
export async function* readEvents(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly EventSourceMessage[], void> {
  const reader = new EventReader();
  for await (const chunk of source) {
    const { events } = reader.push(chunk);
    if (events.length > 0) yield events;
  }
}
