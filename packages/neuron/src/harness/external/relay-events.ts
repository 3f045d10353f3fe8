/** The events of a stream from an external server, as its client is to see them (behaviour 2). */
import { isJsonObject } from '@cortex/protocol';

import { messageOf } from './upstream.ts';
import { type CountedTokens, readUsage } from './upstream-usage.ts';

/** An event of a stream. */
export interface StreamEvent {
  readonly data: string;
  readonly event?: string | undefined;
}

export interface EventRelayOptions {
  /** The name that clients use, and the one that the server uses. */
  readonly modelId: string;
  readonly upstreamModel: string;
  /** neuron asked for the usage and the client did not: the chunk with only the usage is dropped. */
  readonly isUsageHidden: boolean;
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Whether a choice of a chunk has text, reasoning or a call. */
function hasContent(choice: unknown): boolean {
  if (!isJsonObject(choice)) return false;
  const { delta, text } = choice;
  if (typeof text === 'string') return text !== '';
  if (!isJsonObject(delta)) return false;
  const { content, reasoning_content, reasoning, tool_calls } = delta;
  return [content, reasoning_content, reasoning].some(isFilled) || isList(tool_calls);
}

const isFilled = (value: unknown): boolean => typeof value === 'string' && value !== '';

const isFinish = (choice: unknown): boolean =>
  isJsonObject(choice) && typeof choice['finish_reason'] === 'string';

const parse = (data: string): unknown => {
  try {
    return JSON.parse(data);
  } catch {
    // Not a chunk: relayed as it came.
    return undefined;
  }
};

/** Rewrites events one by one, and remembers what they say. */
export class EventRelay {
  /** Chunks with content so far. */
  contents = 0;
  /** The last usage that the server sent. */
  tokens: CountedTokens | undefined;
  /** `[DONE]` has come, or a choice has finished. */
  isFinished = false;
  /** The message of an error event; the stream is over then. */
  failure: string | undefined;
  readonly #options: EventRelayOptions;
  /** The `model` member of a chunk, which names the server's model. */
  readonly #model: RegExp | undefined;
  readonly #renamed: string;

  constructor(options: EventRelayOptions) {
    this.#options = options;
    const { modelId, upstreamModel } = options;
    this.#renamed = `"model":${JSON.stringify(modelId)}`;
    this.#model = modelId === upstreamModel ? undefined : /"model"\s*:\s*"(?:[^"\\]|\\.)*"/;
  }

  /** The event for the client; empty if it is dropped. */
  push({ data, event }: StreamEvent): string {
    if (data.trim() === '[DONE]') {
      this.isFinished = true;
      return '';
    }
    const chunk = parse(data);
    if (isJsonObject(chunk) && this.#note(chunk) === 'drop') return '';
    const named = event === undefined ? '' : `event: ${event}\n`;
    const text = this.#model ? data.replace(this.#model, () => this.#renamed) : data;
    return `${named}data: ${text.replaceAll('\n', '\ndata: ')}\n\n`;
  }

  #note(chunk: Readonly<Record<string, unknown>>): 'keep' | 'drop' {
    const { choices, error, usage } = chunk;
    if (error !== undefined && error !== null && !isList(choices)) {
      this.failure = messageOf(chunk) ?? 'the server reported an error';
      return 'drop';
    }
    this.tokens = readUsage(usage) ?? this.tokens;
    if (!isList(choices)) return 'keep';
    if (choices.some(hasContent)) this.contents += 1;
    if (choices.some(isFinish)) this.isFinished = true;
    const isUsageOnly = choices.length === 0 && isJsonObject(usage);
    return isUsageOnly && this.#options.isUsageHidden ? 'drop' : 'keep';
  }
}
