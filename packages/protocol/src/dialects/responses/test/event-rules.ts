/** The rules of an event stream of this API, checked by reading one as a client does. */
import { expect } from 'bun:test';

import { createParser } from 'eventsource-parser';

import type { ResponseError } from '../answer-error.ts';

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly refusal?: string;
}

export interface Item {
  readonly id: string;
  readonly type: string;
  readonly content?: readonly Part[];
  readonly summary?: readonly Part[];
  readonly arguments?: string;
  readonly input?: string;
  readonly call_id?: string;
}

export interface SeenResponse {
  readonly id: string;
  readonly status: string;
  readonly output: readonly Item[];
  readonly error: ResponseError | null;
}

/** Members of all events. */
export interface StreamEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index?: number;
  readonly content_index?: number;
  readonly summary_index?: number;
  readonly item_id?: string;
  readonly item?: Item;
  readonly part?: Part;
  readonly delta?: string;
  readonly text?: string;
  readonly refusal?: string;
  readonly arguments?: string;
  readonly input?: string;
  readonly response?: SeenResponse;
}

const LAST = ['response.completed', 'response.incomplete', 'response.failed'];

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

/** The text of a part, or of the event with its whole text. */
const said = ({ text, refusal }: Pick<Part, 'text' | 'refusal'>): string | undefined =>
  refusal ?? text;

/** What an item says. */
function textOf({ content = [], summary = [], arguments: called, input }: Item): string {
  return called ?? input ?? [...content, ...summary].map((part) => said(part) ?? '').join('');
}

/** Reads the events of one item, which must be in order. */
class ItemCheck {
  readonly #id: string;
  readonly #texts = new Set<string>();
  #streamed: string;

  constructor(item: Item) {
    this.#id = item.id;
    this.#streamed = textOf(item);
  }

  read(event: StreamEvent): void {
    expect(event.item_id).toBe(this.#id);
    expect(event.content_index ?? event.summary_index ?? 0).toBe(0);
    const { type, delta = '', part, arguments: called, input } = event;
    if (type.endsWith('.delta')) this.#streamed += delta;
    if (type.endsWith('.done')) this.#texts.add(said(part ?? event) ?? called ?? input ?? '?');
  }

  /** All that the item and its parts say in the end is what the deltas said. */
  end(item: Item): void {
    expect(item.id).toBe(this.#id);
    this.#texts.add(textOf(item));
    expect([...this.#texts]).toEqual([this.#streamed]);
  }
}

/** @returns the final response @throws if a rule is broken */
export function checkEvents(events: readonly StreamEvent[]): SeenResponse {
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  const [created, ...others] = events.map(({ type }) => type);
  expect([created, others[0]]).toEqual(['response.created', 'response.in_progress']);
  const done: Item[] = [];
  let open: ItemCheck | undefined;
  for (const event of events.slice(2, -1)) {
    const { type, item } = event;
    expect(event.output_index ?? done.length).toBe(done.length);
    if (type === 'response.in_progress') continue;
    if (item === undefined) {
      if (open === undefined) throw new Error(`${type} belongs to no item.`);
      open.read(event);
    } else if (type === 'response.output_item.added') {
      expect(open).toBeUndefined();
      open = new ItemCheck(item);
    } else {
      open?.end(item);
      done.push(item);
      open = undefined;
    }
  }
  const last = events.at(-1);
  expect(LAST).toContain(last?.type ?? '');
  if (last?.response === undefined) throw new Error('The last event has no response.');
  checkResponse(last.response, done);
  expect(last.type).toBe(`response.${last.response.status}`);
  if (last.response.status !== 'failed') expect(open).toBeUndefined();
  return last.response;
}

function checkResponse({ status, output, error }: SeenResponse, done: readonly Item[]): void {
  const isFailed = status === 'failed';
  expect([typeof error?.code, typeof error?.message]).toEqual(
    isFailed ? ['string', 'string'] : ['undefined', 'undefined'],
  );
  // An item that was open when the answer failed is the last.
  expect(isFailed ? output.slice(0, done.length) : output).toEqual([...done]);
}
