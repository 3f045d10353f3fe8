import { parseUsageComment, type NeuronUsage } from '@cortex/protocol';

/** Enough for the last events of a stream and the usage comment among them. */
const TAIL_BYTES = 4096;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;

const decoder = new TextDecoder();

interface Choice {
  readonly delta?: Readonly<Record<string, unknown>> | undefined;
  readonly text?: unknown;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isFilled = (value: unknown): boolean =>
  (typeof value === 'string' || Array.isArray(value)) && value.length > 0;

const CONTENT_FIELDS = ['content', 'reasoning_content', 'reasoning', 'tool_calls'] as const;

const hasChoiceContent = ({ delta, text }: Choice): boolean =>
  isFilled(text) || (delta !== undefined && CONTENT_FIELDS.some((name) => isFilled(delta[name])));

/** Whether an event brings something that a person would see, and not only the role or usage. */
function hasContent(data: string): boolean {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    // `[DONE]`, or nothing of ours: it is forwarded all the same.
    return false;
  }
  if (!isRecord(event) || !Array.isArray(event['choices'])) return false;
  return event['choices'].some(
    (choice: unknown) =>
      isRecord(choice) &&
      hasChoiceContent({
        text: choice['text'],
        delta: isRecord(choice['delta']) ? choice['delta'] : undefined,
      }),
  );
}

/** Events from the first with content on, 0 when there is none. */
function contentEventsIn(events: Uint8Array): number {
  const data = decoder
    .decode(events)
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length));
  const first = data.findIndex(hasContent);
  return first === -1 ? 0 : data.length - first;
}

/** Events in `bytes`, which begins and ends at one; comments are none. */
function countEvents(bytes: Uint8Array): number {
  let count = 0;
  let start = 0;
  while (start < bytes.length) {
    const isComment = bytes[start] === COLON;
    let end = bytes.indexOf(LINE_FEED, start);
    // An event ends at its first empty line.
    while (end !== -1) {
      const next = bytes[end + 1];
      if (next === LINE_FEED) {
        end += 2;
        break;
      }
      if (next === CARRIAGE_RETURN && bytes[end + 2] === LINE_FEED) {
        end += 3;
        break;
      }
      end = bytes.indexOf(LINE_FEED, end + 1);
    }
    if (!isComment) count += 1;
    if (end === -1) return count;
    start = end;
  }
  return count;
}

/** What the end of a stream says about it. */
export interface StreamEnd {
  readonly usage: NeuronUsage | undefined;
  /** `data: [DONE]` was the last event. */
  readonly isDone: boolean;
  /** Code of the error event that ended it, `unknown` where it has none; absent when it ended well. */
  readonly errorCode: string | undefined;
}

function readErrorCode(tail: string): string | undefined {
  const line = tail.split('\n').findLast((text) => text.startsWith('data: {"error"'));
  if (line === undefined) return undefined;
  try {
    const event: unknown = JSON.parse(line.slice('data: '.length));
    const error = isRecord(event) ? event['error'] : undefined;
    const code = isRecord(error) ? error['code'] : undefined;
    return typeof code === 'string' ? code : 'unknown';
  } catch {
    // An event cut by the beginning of the tail.
    return undefined;
  }
}

/**
 * Watches a stream that passes: events are parsed until the first content and only counted from then on, and the
 * last 4 KiB are kept for the usage comment (contracts, section 3).
 */
export class StreamTap {
  /** Events from the first content on. An estimate of the tokens sent, where a node says none. */
  contentEvents = 0;
  /** When the first content passed, and the last event; monotonic ms. */
  firstContentMs: number | undefined;
  lastContentMs: number | undefined;

  /** The chunks that hold the last 4 KiB, unjoined: joining them per chunk would cost more than relaying. */
  readonly #tail: Uint8Array[] = [];
  #tailBytes = 0;

  /** Whole events that are relayed now. */
  push(events: Uint8Array, nowMs: number): void {
    const count = this.firstContentMs === undefined ? contentEventsIn(events) : countEvents(events);
    if (count > 0) {
      this.contentEvents += count;
      this.firstContentMs ??= nowMs;
      this.lastContentMs = nowMs;
    }
    this.#keep(events);
  }

  end(): StreamEnd {
    const text = Buffer.concat(this.#tail).toString('utf8');
    const isDone = /(?:^|\n)data: ?\[DONE\]\r?\n\r?\n/.test(text);
    return { usage: parseUsageComment(text), isDone, errorCode: readErrorCode(text) };
  }

  #keep(events: Uint8Array): void {
    const tail = this.#tail;
    tail.push(events);
    let bytes = this.#tailBytes + events.length;
    for (
      let first = tail[0];
      first !== undefined && bytes - first.length >= TAIL_BYTES;
      first = tail[0]
    ) {
      tail.shift();
      bytes -= first.length;
    }
    this.#tailBytes = bytes;
  }
}
