import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { LineEnds } from './line-ends.ts';

/**
 * Splits a byte stream into server-sent events.
 *
 * Yields one array per chunk that completes an event, so that a caller needs one `await` per network read and not
 * one per token. Comments and an incomplete last event are dropped (WHATWG HTML, 9.2.6).
 */
export async function* readEvents(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly EventSourceMessage[], void> {
  const decoder = new TextDecoder();
  // The parser loses events of streams whose lines end with CR alone.
  const lineEnds = new LineEnds();
  let complete: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => complete.push(event) });

  for await (const chunk of source) {
    parser.feed(decoder.decode(lineEnds.push(chunk), { stream: true }));
    if (complete.length > 0) {
      yield complete;
      complete = [];
    }
  }
}
