/** The rules of an event stream of this API, checked by reading one as a client does. */
import { expect } from 'bun:test';

import { createParser } from 'eventsource-parser';

type Json = Readonly<Record<string, unknown>>;

export interface StreamEvent extends Json {
  readonly type: string;
}

const LAST = ['response.completed', 'response.incomplete', 'response.failed'];

/** The text that an item got by deltas, and that its parts and it had in the end. */
interface SeenItem {
  readonly id: unknown;
  readonly texts: string[];
  streamed: string;
}

/** The events of a stream. Each must name its type twice, as the API does. */
export function parseEvents(text: string): readonly StreamEvent[] {
  const events: StreamEvent[] = [];
  const parser = createParser({
    onEvent({ event, data }) {
      const parsed: StreamEvent = JSON.parse(data);
      expect(event).toBe(parsed.type);
      events.push(parsed);
    },
  });
  parser.feed(text);
  return events;
}

/** What the item in an event says. */
function textOf(item: Json): string {
  const { content, summary, arguments: called, input } = item;
  if (typeof called === 'string') return called;
  if (typeof input === 'string') return input;
  const parts = [content, summary].flat().filter((part) => part !== undefined);
  return parts.map((part) => (part as { readonly text: string }).text).join('');
}

/** @returns the final response @throws if a rule is broken */
export function checkEvents(events: readonly StreamEvent[]): Json {
  expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual([
    'response.created',
    'response.in_progress',
  ]);
  const done: unknown[] = [];
  let open: SeenItem | undefined;
  for (const event of events.slice(2, -1)) {
    const { type, item } = event;
    expect(event['output_index'] ?? done.length).toBe(done.length);
    if (type === 'response.output_item.added') {
      expect(open).toBeUndefined();
      open = { id: (item as Json)['id'], texts: [], streamed: textOf(item as Json) };
      continue;
    }
    if (type === 'response.in_progress') continue;
    expect(open).toBeDefined();
    if (open === undefined) break;
    if (type === 'response.output_item.done') {
      expect((item as Json)['id']).toBe(open.id);
      open.texts.push(textOf(item as Json));
      expect(new Set(open.texts)).toEqual(new Set([open.streamed]));
      done.push(item);
      open = undefined;
      continue;
    }
    expect(event['item_id']).toBe(open.id);
    expect(event['content_index'] ?? event['summary_index'] ?? 0).toBe(0);
    if (type.endsWith('.delta')) open.streamed += event['delta'] as string;
    if (type.endsWith('.done')) open.texts.push(textOf({ input: '', ...partIn(event) }));
  }
  return checkLast(events.at(-1), done, open);
}

/** The whole text in a `done` event, in the member of an item. */
function partIn({ part, text, arguments: called, input }: StreamEvent): Json {
  if (part !== undefined) return { input: (part as { readonly text: string }).text };
  return { input: text ?? called ?? input };
}

function checkLast(
  last: StreamEvent | undefined,
  done: readonly unknown[],
  open: SeenItem | undefined,
): Json {
  expect(LAST).toContain(last?.type);
  const response = last?.['response'] as Json;
  const output = response['output'] as readonly unknown[];
  expect(`response.${response['status'] as string}`).toBe(last?.type ?? '');
  if (response['status'] === 'failed') {
    const { code, message } = response['error'] as Json;
    expect([typeof code, typeof message]).toEqual(['string', 'string']);
    expect(output.slice(0, done.length)).toEqual([...done]);
    return response;
  }
  expect(response['error']).toBeNull();
  expect(open).toBeUndefined();
  expect(output).toEqual([...done]);
  return response;
}
