import {
  isJsonObject,
  type NeuronUsage,
  nodeErrorIn,
  parseUsage,
  statusOfNodeError,
  WholeEvents,
} from '@cortex/protocol';

import { asBuffer } from '../wire/as-buffer.ts';

const decoder = new TextDecoder();

interface Choice {
  readonly delta?: Readonly<Record<string, unknown>> | undefined;
  readonly text?: unknown;
}

const isFilled = (value: unknown): boolean =>
  (typeof value === 'string' || Array.isArray(value)) && value.length > 0;

const CONTENT_FIELDS = [
  'content',
  'refusal',
  'reasoning_content',
  'reasoning',
  'tool_calls',
] as const;

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

/** The values of the `data:` lines in `events`. */
const dataIn = (events: string): readonly string[] =>
  events
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim());

/** Number of events from the first one with content on; 0 if there is none. */
function contentEventsIn(events: Uint8Array): number {
  const data = dataIn(decoder.decode(events)).filter((text) => text !== '[DONE]');
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

/** Code and status of an error event; undefined for any other event. */
function errorIn(data: string | undefined): StreamError | undefined {
  const error = nodeErrorIn(data === undefined ? undefined : parseEvent(data));
  if (error === undefined) return undefined;
  const { code } = error;
  return {
    code: typeof code === 'string' ? code : 'unknown',
    status: statusOfNodeError(error),
  };
}

const NOT_LOADED = 'model_not_loaded';
const NOT_LOADED_BYTES = Buffer.from(NOT_LOADED);
/** Text behind which the next event begins. */
const EVENT_END = /(?<=\n\r?\n)/;

/** Where the event begins with which a node says that it does not have the model; -1 if there is none. */
function notLoadedAt(events: Uint8Array): number {
  const bytes = asBuffer(events);
  if (!bytes.includes(NOT_LOADED_BYTES)) return -1;
  let at = 0;
  // One character per byte: a length of the text is a number of bytes.
  for (const event of bytes.toString('latin1').split(EVENT_END)) {
    if (dataIn(event).some((data) => errorIn(data)?.code === NOT_LOADED)) return at;
    at += event.length;
  }
  return -1;
}

/**
 * Splits a stream into whole events and collects facts about it. Events are parsed until the first content, then
 * only counted. `model_not_loaded`, which never leaves cortex, is not passed on.
 */
export class StreamTap {
  /** The node has ended the stream with `model_not_loaded`. */
  isNotLoaded = false;
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

  /** `data: [DONE]` was the last event. */
  get isDone(): boolean {
    return this.#events.isDone;
  }

  /** What the node has counted; undefined: it has not said. */
  get usage(): NeuronUsage | undefined {
    const { usageText } = this.#events;
    return usageText === undefined ? undefined : parseUsage(usageText);
  }

  /**
   * The bytes that `chunk` completes and that can be relayed now; undefined if there are none. Nothing is to be
   * relayed once `isNotLoaded`. @throws CortexError `node_protocol_error`
   */
  push(chunk: Uint8Array, nowMs: number): Uint8Array | undefined {
    const events = this.#events;
    const before = events.eventCount;
    const passed = events.push(chunk);
    if (passed === undefined || events.eventCount === before) return passed;
    const endAt = notLoadedAt(passed);
    this.isNotLoaded = endAt !== -1;
    const kept = this.isNotLoaded ? passed.subarray(0, endAt) : passed;
    const hasBegun = this.firstContentMs !== undefined;
    const isCounted = hasBegun && !this.isNotLoaded;
    const count = isCounted ? events.eventCount - before : contentEventsIn(kept);
    if (count > 0) {
      this.contentEvents += count;
      this.firstContentMs ??= nowMs;
      this.lastContentMs = nowMs;
    }
    return kept.length > 0 ? kept : undefined;
  }

  end(): StreamEnd {
    const { isDone, isDoneCut, lastData } = this.#events;
    return {
      usage: this.usage,
      isDone,
      isDoneCut,
      error: errorIn(lastData),
    };
  }
}
