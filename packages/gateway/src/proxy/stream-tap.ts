import {
  ERROR_CODES,
  isErrorCode,
  type NeuronUsage,
  parseUsage,
  WholeEvents,
  isJsonObject,
} from '@cortex/protocol';

const decoder = new TextDecoder();

interface Choice {
  readonly delta?: Readonly<Record<string, unknown>> | undefined;
  readonly text?: unknown;
}

const isFilled = (value: unknown): boolean =>
  (typeof value === 'string' || Array.isArray(value)) && value.length > 0;

const CONTENT_FIELDS = ['content', 'reasoning_content', 'reasoning', 'tool_calls'] as const;

const hasChoiceContent = ({ delta, text }: Choice): boolean =>
  isFilled(text) || (delta !== undefined && CONTENT_FIELDS.some((name) => isFilled(delta[name])));

function parseEvent(data: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const event: unknown = JSON.parse(data);
    return isJsonObject(event) ? event : undefined;
  } catch {
    // `[DONE]` or other text, which is forwarded as well.
    return undefined;
  }
}

/** Whether an event has visible content, and not only the role or usage. */
function hasContent(data: string): boolean {
  const choices = parseEvent(data)?.['choices'];
  if (!Array.isArray(choices)) return false;
  return choices.some(
    (choice: unknown) =>
      isJsonObject(choice) &&
      hasChoiceContent({
        text: choice['text'],
        delta: isJsonObject(choice['delta']) ? choice['delta'] : undefined,
      }),
  );
}

/** Number of events from the first one with content on; 0 if there is none. */
function contentEventsIn(events: Uint8Array): number {
  const data = decoder
    .decode(events)
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim())
    .filter((text) => text !== '[DONE]');
  const first = data.findIndex(hasContent);
  return first === -1 ? 0 : data.length - first;
}

/** Facts that are known at the end of a stream. */
export interface StreamEnd {
  readonly usage: NeuronUsage | undefined;
  /** `data: [DONE]` was the last event. */
  readonly isDone: boolean;
  /** The stream ended in the middle of that event, after its data: nothing of the answer is missing. */
  readonly isDoneCut: boolean;
  /** The error event that ended the stream; undefined if there was none. */
  readonly error: StreamError | undefined;
}

export interface StreamError {
  /** `unknown` if the event has none. */
  readonly code: string;
  /** The status that the answer would have had before the commit. */
  readonly status: number;
}

const isErrorStatus = (status: unknown): status is number =>
  typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 600;

/** Code and status of an error event; undefined for any other event. */
function errorIn(data: string | undefined): StreamError | undefined {
  const error = data === undefined ? undefined : parseEvent(data)?.['error'];
  if (error === undefined || error === null) return undefined;
  const { code, status } = isJsonObject(error) ? error : { code: undefined, status: undefined };
  const ownStatus = typeof code === 'string' && isErrorCode(code) ? ERROR_CODES[code].status : 502;
  return {
    code: typeof code === 'string' ? code : 'unknown',
    status: isErrorStatus(status) ? status : ownStatus,
  };
}

/**
 * Splits a stream into whole events and collects facts about it. Events are parsed until the first content, then
 * only counted.
 */
export class StreamTap {
  /** Events from the first content on. An estimate of the tokens sent, where a node reports no usage. */
  contentEvents = 0;
  /** Times of the first content and of the last event, in monotonic ms. */
  firstContentMs: number | undefined;
  lastContentMs: number | undefined;
  readonly #events: WholeEvents;

  /** @param node - Named in errors. */
  constructor(node: string) {
    this.#events = new WholeEvents(`Node ${node}`);
  }

  /**
   * The bytes that `chunk` completes and that can be relayed now; undefined if there are none. @throws CortexError
   * `node_protocol_error`
   */
  push(chunk: Uint8Array, nowMs: number): Uint8Array | undefined {
    const events = this.#events;
    const before = events.eventCount;
    const passed = events.push(chunk);
    if (passed === undefined || events.eventCount === before) return passed;
    const hasBegun = this.firstContentMs !== undefined;
    const count = hasBegun ? events.eventCount - before : contentEventsIn(passed);
    if (count === 0) return passed;
    this.contentEvents += count;
    this.firstContentMs ??= nowMs;
    this.lastContentMs = nowMs;
    return passed;
  }

  end(): StreamEnd {
    const { usageText, isDone, isDoneCut, lastData } = this.#events;
    return {
      usage: usageText === undefined ? undefined : parseUsage(usageText),
      isDone,
      isDoneCut,
      error: errorIn(lastData),
    };
  }
}
