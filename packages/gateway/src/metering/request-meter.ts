import { type CortexError, type NeuronUsage, toCortexError } from '@cortex/protocol';
import { type Logger } from '@cortex/service';

import { NO_NODE, type RequestMetrics, UNKNOWN_MODEL } from './request-metrics.ts';
import { type Api, type Outcome, outcomeOf, type RequestRecord } from './request-record.ts';

/** How long a request waited, ms. */
export interface Wait {
  readonly queueMs: number;
  /** For the load of the replica that it got; undefined: it did not wait for one. */
  readonly loadMs: number | undefined;
}

/** Where a request was placed, and how long it had waited for that. */
export interface Placement extends Wait {
  readonly node: string;
}

/** How a request ended. */
export interface Ending {
  readonly outcome: Outcome;
  /** As the client saw it; 499 when it saw none. */
  readonly status: number;
  readonly code?: string | undefined;
}

export interface MeterDeps {
  readonly metrics: RequestMetrics;
  readonly writeRecord: (record: RequestRecord) => void;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** Endings that are the fault of cortex or of a node (behaviour 12). */
const PROXY_FAILURES: ReadonlySet<Outcome> = new Set(['upstream_error', 'internal', 'timeout']);

/** A code that a node made up is logged as far as this. */
const MAX_CODE_CHARS = 64;

const round = (ms: number): number => Math.round(ms * 10) / 10;

/** Follows one request and leaves exactly one record and one count, whatever happens to it. */
export class RequestMeter {
  readonly requestId: string;
  readonly api: Api;
  /** Monotonic arrival, ms. */
  readonly startedMs: number;
  principal = '';
  modelAsked: string | undefined;
  /** Resolved; absent while the name is not known to be one of the fleet. */
  model: string | undefined;
  isStream = false;
  attempts = 0;
  /** Content events relayed, where a node said no usage. */
  contentEvents = 0;
  promptTokens: number | undefined;
  usage: NeuronUsage | undefined;
  firstContentMs: number | undefined;
  lastContentMs: number | undefined;

  readonly #deps: MeterDeps;
  /** Of the latest attempt. */
  #node: string | undefined;
  #queueMs = 0;
  /** The load that the request waited for. */
  #load: { readonly node: string; readonly ms: number } | undefined;
  #isEnded = false;

  constructor(deps: MeterDeps, request: { readonly requestId: string; readonly api: Api }) {
    this.#deps = deps;
    this.requestId = request.requestId;
    this.api = request.api;
    this.startedMs = deps.nowMs();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The node of the latest attempt; undefined where there was none. */
  get node(): string | undefined {
    return this.#node;
  }

  /** The request waited for a load. */
  get isColdStart(): boolean {
    return this.#load !== undefined;
  }

  /** The request got a place. Waits add up over the attempts. */
  place({ node, queueMs, loadMs }: Placement): void {
    this.#node = node;
    this.#queueMs += queueMs;
    if (loadMs !== undefined) this.#load = { node, ms: loadMs + (this.#load?.ms ?? 0) };
  }

  /** The request waited and got no place. */
  waitInVain(waitedMs: number): void {
    this.#queueMs += waitedMs;
  }

  /** Writes the record and the counts. Only the first call counts. */
  end(ending: Ending): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const record = this.#record(ending);
    this.#count(record);
    this.#deps.writeRecord(record);
  }

  /** Ends with an error of cortex's own; one that nobody expected is logged with its stack. */
  fail(thrown: unknown): CortexError {
    const error = toCortexError(thrown);
    if (this.#isEnded) return error;
    if (error.code === 'internal_error') {
      const { log } = this.#deps;
      log.error({ err: error.cause ?? error, request_id: this.requestId }, 'request failed');
    }
    this.end({
      outcome: outcomeOf(error.status, error.code),
      status: error.status,
      code: error.code,
    });
    return error;
  }

  #record({ outcome, status, code }: Ending): RequestRecord {
    const { usage } = this;
    const totalMs = this.#deps.nowMs() - this.startedMs;
    const promptTokens = usage?.prompt_tokens ?? this.promptTokens ?? 0;
    const completionTokens = usage?.completion_tokens ?? this.contentEvents;
    const ts = new Date().toISOString();
    return {
      level: PROXY_FAILURES.has(outcome) ? 'error' : 'info',
      time: ts,
      msg: 'request',
      ts,
      request_id: this.requestId,
      api: this.api,
      principal: this.principal,
      model_asked: this.modelAsked,
      model: this.model ?? UNKNOWN_MODEL,
      node: this.#node ?? NO_NODE,
      stream: this.isStream,
      outcome,
      status,
      code: code?.slice(0, MAX_CODE_CHARS),
      attempts: this.attempts,
      cold_start: this.isColdStart,
      queue_ms: round(this.#queueMs + (usage?.queue_ms ?? 0)),
      load_ms: this.#load === undefined ? undefined : round(this.#load.ms),
      first_token_ms: this.#firstTokenMs(),
      total_ms: round(totalMs),
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      cached_tokens: usage?.cached_tokens ?? 0,
      reasoning_tokens: usage?.reasoning_tokens ?? 0,
      total_tokens: promptTokens + completionTokens,
      tok_s: this.#tokensPerSecond(completionTokens),
      estimated: usage?.estimated ?? promptTokens + completionTokens > 0,
      affinity: 'none',
    };
  }

  #firstTokenMs(): number | undefined {
    return this.firstContentMs === undefined
      ? undefined
      : round(this.firstContentMs - this.startedMs);
  }

  /** By the node's own clock where it said so, else by when the content passed. */
  #tokensPerSecond(completionTokens: number): number | undefined {
    const decodeMs = this.usage?.decode_ms ?? 0;
    if (decodeMs > 0) return round((completionTokens * 1000) / decodeMs);
    const streamedMs = (this.lastContentMs ?? 0) - (this.firstContentMs ?? 0);
    if (completionTokens < 2 || streamedMs <= 0) return undefined;
    return round(((completionTokens - 1) * 1000) / streamedMs);
  }

  #count(record: RequestRecord): void {
    const { metrics } = this.#deps;
    const series = metrics.series(record.api, record.model, record.node);
    series.outcome(record.outcome).value += 1;
    series.durationS.observe(record.total_ms / 1000);
    if (record.node !== NO_NODE) series.queueWaitS.observe(record.queue_ms / 1000);
    if (record.first_token_ms !== undefined)
      series.firstTokenS.observe(record.first_token_ms / 1000);
    const streamedMs = (this.lastContentMs ?? 0) - (this.firstContentMs ?? 0);
    if (streamedMs > 0 && record.completion_tokens > 1)
      series.interTokenS.observe(streamedMs / 1000 / (record.completion_tokens - 1));
    if (record.tok_s !== undefined) series.tokensPerSecond.observe(record.tok_s);
    series.promptTokens.value += record.prompt_tokens;
    series.completionTokens.value += record.completion_tokens;
    series.cachedPromptTokens.value += record.cached_tokens;
    if (record.code !== undefined) metrics.countError(record.code);
    if (record.attempts > 1) metrics.countRetries(record.model, record.attempts - 1);
    const load = this.#load;
    if (load !== undefined) metrics.countColdStart(record.model, load.node, load.ms / 1000);
  }
}
