/**
 * Streams of numbered events: a snapshot, then changes.
 *
 * Every event has a `revision`. Within one answer each revision is one more than the one before, so that a reader
 * notices a gap. A daemon that starts again begins with a higher revision.
 */
import { z } from 'zod';

import { isJsonObject } from '../json/json-object.ts';
import { formatEvent } from './format-event.ts';
import { readEvents } from './read-events.ts';

export interface NumberedEvent {
  /** The name of the server-sent event. */
  readonly kind: string;
  readonly revision: number;
}

/** An event of a newer daemon. Only its revision counts. */
const UnknownEvent = z.looseObject({ kind: z.literal('unknown'), revision: z.int() });
export type UnknownEvent = z.infer<typeof UnknownEvent>;

/** The event as a server-sent event, with the blank line that ends it. */
export function formatNumberedEvent<T extends NumberedEvent>({ kind, ...data }: T): string {
  return formatEvent(data, kind);
}

/**
 * A reader of server-sent events whose data, with their name as `kind`, has one of the shapes of a union.
 *
 * The reader throws an Error if the data of an event is not what its name promises.
 */
export function numberedEventParser<T extends NumberedEvent>(union: {
  readonly options: readonly { readonly shape: { readonly kind: z.ZodLiteral<string> } }[];
  readonly parse: (value: unknown) => T;
}): (name: string | undefined, data: string) => T | UnknownEvent {
  const kinds: ReadonlySet<unknown> = new Set(union.options.map(({ shape }) => shape.kind.value));
  return (name, data) => {
    const json: unknown = JSON.parse(data);
    const fields = isJsonObject(json) ? json : {};
    if (!kinds.has(name)) return UnknownEvent.parse({ ...fields, kind: 'unknown' });
    return union.parse({ ...fields, kind: name });
  };
}

/**
 * The events of a stream, one array per network read that completes an event.
 *
 * @throws Error for a gap in the revisions, or an event that is not valid
 */
export async function* readNumberedEvents<T extends NumberedEvent>(
  source: AsyncIterable<Uint8Array>,
  parse: (name: string | undefined, data: string) => T,
): AsyncGenerator<readonly T[], void> {
  let last: number | undefined;
  for await (const batch of readEvents(source)) {
    const events: T[] = [];
    for (const { event: name, data } of batch) {
      const event = parse(name, data);
      if (last !== undefined && event.revision !== last + 1) {
        throw new Error(`revision ${event.revision} follows ${last}`);
      }
      last = event.revision;
      events.push(event);
    }
    yield events;
  }
}
