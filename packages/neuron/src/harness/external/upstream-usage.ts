/** What a request on an external server took: its own figures where it gives them, else neuron's count. */
import { isJsonObject, type NeuronUsage } from '@cortex/protocol';

/** Tokens as the server counted them. */
export interface CountedTokens {
  readonly prompt: number;
  readonly completion: number;
  readonly cached: number;
  readonly reasoning: number;
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const memberOf = (value: unknown, name: string): unknown =>
  isJsonObject(value) ? value[name] : undefined;

/** The `usage` of an answer or a chunk; undefined if it has none. */
export function readUsage(usage: unknown): CountedTokens | undefined {
  if (!isJsonObject(usage)) return undefined;
  const prompt = count(usage['prompt_tokens']) ?? count(usage['input_tokens']);
  if (prompt === undefined) return undefined;
  const { prompt_tokens_details: prompted, completion_tokens_details: completed } = usage;
  return {
    prompt,
    completion: count(usage['completion_tokens']) ?? count(usage['output_tokens']) ?? 0,
    cached: count(memberOf(prompted, 'cached_tokens')) ?? 0,
    reasoning: count(memberOf(completed, 'reasoning_tokens')) ?? 0,
  };
}

/** Milliseconds of one request, as neuron saw them. */
export class RequestTimes {
  readonly #beganMs = performance.now();
  #sentMs: number | undefined;
  #firstMs: number | undefined;

  /** The request has left the queue. */
  sent(): void {
    this.#sentMs ??= performance.now();
  }

  /** The first content has come. */
  content(): void {
    this.#firstMs ??= performance.now();
  }

  /** Since it was sent. */
  get busyMs(): number {
    return this.#sentMs === undefined ? 0 : performance.now() - this.#sentMs;
  }

  /** @param tokens - Absent: the server gave none, and `contents` chunks with content were counted. */
  toUsage(tokens: CountedTokens | undefined, contents: number): NeuronUsage {
    const nowMs = performance.now();
    const sentMs = this.#sentMs ?? nowMs;
    const firstMs = this.#firstMs ?? nowMs;
    return {
      prompt_tokens: tokens?.prompt ?? 0,
      completion_tokens: tokens?.completion ?? contents,
      cached_tokens: tokens?.cached ?? 0,
      reasoning_tokens: tokens?.reasoning ?? 0,
      queue_ms: tenths(sentMs - this.#beganMs),
      prompt_ms: tenths(firstMs - sentMs),
      ...(this.#firstMs !== undefined && { first_token_ms: tenths(firstMs - this.#beganMs) }),
      decode_ms: tenths(nowMs - firstMs),
      estimated: tokens === undefined,
    };
  }
}

const tenths = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
