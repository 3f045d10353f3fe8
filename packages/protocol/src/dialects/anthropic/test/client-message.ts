/** What a client makes of the events of a stream. */
import { expect } from 'bun:test';

import { isJsonObject, type JsonObject } from '../../../json/json-object.ts';
import { EventReader } from '../../../sse/event-reader.ts';

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export interface ClientMessage {
  readonly message: JsonObject | undefined;
  /** The body of the error event that ended the stream. */
  readonly error: JsonObject | undefined;
}

/** The bodies of the events. The name of each must be its type. */
export function eventsOf(text: string): readonly JsonObject[] {
  return new EventReader().push(new TextEncoder().encode(text)).events.map(({ event, data }) => {
    const body: unknown = JSON.parse(data);
    if (!isJsonObject(body)) throw new Error(`not an event: ${data}`);
    expect(event).toBe(String(body['type']));
    return body;
  });
}

const objectIn = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});

/** The member of a block that its deltas extend. */
const GROWN: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
  input_json_delta: 'partial_json',
};
/** The type of the block that takes a delta. */
const TAKES: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'thinking',
  input_json_delta: 'tool_use',
};

/**
 * Folds events into a message, and asserts the order law: `message_start`, blocks with indexes from 0, of which one is
 * open at a time, one `message_delta`, `message_stop`; or an `error` at any time; nothing after either.
 */
export function clientMessage(events: readonly JsonObject[]): ClientMessage {
  let message: JsonObject | undefined;
  let error: JsonObject | undefined;
  let open: Record<string, unknown> | undefined;
  let phase: 'start' | 'content' | 'delta' | 'end' = 'start';
  const content: JsonObject[] = [];
  for (const event of events) {
    const { type, index, delta } = event;
    if (type === 'ping') continue;
    expect(phase).not.toBe('end');
    switch (type) {
      case 'message_start':
        expect(phase).toBe('start');
        message = objectIn(event['message']);
        phase = 'content';
        break;
      case 'content_block_start':
        expect([phase, open, index]).toEqual(['content', undefined, content.length]);
        open = { ...objectIn(event['content_block']) };
        break;
      case 'content_block_delta': {
        const { type: kind, ...grown } = objectIn(delta);
        expect([open?.['type'], index]).toEqual([TAKES[String(kind)], content.length]);
        const member = GROWN[String(kind)] ?? '';
        if (open !== undefined) open[member] = `${textOf(open[member])}${textOf(grown[member])}`;
        break;
      }
      case 'content_block_stop': {
        expect(index).toBe(content.length);
        const { partial_json: json, ...block } = open ?? {};
        content.push(
          block['type'] === 'tool_use' ? { ...block, input: inputOf(String(json)) } : block,
        );
        open = undefined;
        break;
      }
      case 'message_delta':
        expect([phase, open]).toEqual(['content', undefined]);
        message = {
          ...message,
          ...objectIn(delta),
          // The counts at the end replace those at the start; the rest of the usage stays.
          usage: { ...objectIn(message?.['usage']), ...objectIn(event['usage']) },
        };
        phase = 'delta';
        break;
      case 'message_stop':
        expect(phase).toBe('delta');
        phase = 'end';
        break;
      case 'error':
        error = event;
        phase = 'end';
        break;
      default:
        throw new Error(`unknown event ${String(type)}`);
    }
  }
  expect(phase).toBe('end');
  // An error leaves the block that was open, as far as it came.
  const shown = open === undefined ? content : [...content, open];
  return { message: message && { ...message, content: shown }, error };
}

function inputOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return { raw_arguments: json };
  }
}
