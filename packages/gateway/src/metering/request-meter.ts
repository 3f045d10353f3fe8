import {
  type AnswerTimings,
  type CortexError,
  type NeuronUsage,
  toCortexError,
} from '@cortex/protocol';
import { type Logger } from '@cortex/service';

import { shortExplanation } from '../control/short-explanation.ts';
import { NO_NODE, type RequestMetrics, UNKNOWN_MODEL } from './request-metrics.ts';
import { type Api, type Outcome, outcomeOf, type RequestRecord } from './request-record.ts';

/** How long a request waited, in ms. */
export interface Wait {
  readonly queueMs: number;
  /** For the load of its replica; undefined: it did not wait for one. */
  readonly loadMs: number | undefined;
}

/** The node of a request, and how long it waited for a slot there. */
export interface Placement extends Wait {
  readonly node: string;
  /** What was decided about the request, in sentences; undefined: it got its slot at once. */
  readonly explanation: readonly string[] | undefined;
}

/** How a request ended. */
export interface Ending {
  readonly outcome: Outcome;
  /** The status that the client got; 499 when it got none. */
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

/** Outcomes that are the fault of cortex or of a node (behaviour 12). */
const PROXY_FAILURES: ReadonlySet<Outcome> = new Set(['upstream_error', 'internal', 'timeout']);

/** Length to which an error code of a node is shortened. */
const MAX_CODE_CHARS = 64;

const round = (ms: number): number => Math.round(ms * 10) / 10;

/** Follows one request, and writes exactly one record and one count for it. */
export class RequestMeter {
  readonly requestId: string;
  readonly api: Api;
  /** Arrival, in monotonic ms. */
  readonly startedMs: number;
  principal = '';
  modelAsked: string | undefined;
  /** Resolved model; absent while the name is not known in the fleet. */
  model: string | undefined;
  isStream = false;
  attempts = 0;
  /** Number of relayed content events: replaces the usage if the node sends none. */
  contentEvents = 0;
  promptTokens: number | undefined;
  usage: NeuronUsage | undefined;
  firstContentMs: number | undefined;
  lastContentMs: number | undefined;
  /** The last decision about it, in sentences; undefined: it neither waited nor was refused. */
  explanation: readonly string[] | undefined;

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

  /** The node of the latest attempt; undefined before the first. */
  get node(): string | undefined {
    return this.#node;
  }

  /** The request waited for a load. */
  get isColdStart(): boolean {
    return this.#load !== undefined;
  }

  /** So far. */
  timings(): AnswerTimings {
    const totalMs = this.#deps.nowMs() - this.startedMs;
    return { usage: this.usage, totalMs, loadMs: this.#load?.ms };
  }

  /** The request got a slot. Waits are summed over the attempts. */
  place({ node, queueMs, loadMs, explanation }: Placement): void {
    this.#node = node;
    this.explanation = explanation ?? this.explanation;
    this.#queueMs += queueMs;
    if (loadMs !== undefined) this.#load = { node, ms: loadMs + (this.#load?.ms ?? 0) };
  }

  /** The request waited and got no slot. */
  addWait(waitedMs: number): void {
    this.#queueMs += waitedMs;
  }

  /** Writes the record and the counts. Later calls do nothing. */
  end(ending: Ending): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const record = this.#record(ending);
    this.#count(record);
    this.#deps.writeRecord(record);
  }

  /** Ends with an error of cortex. An unexpected error is logged with its stack. */
  fail(thrown: unknown): CortexError {
    const error = toCortexError(thrown);
    if (this.#isEnded) return error;
    this.explanation = error.details.explanation ?? this.explanation;
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
      explain: this.explanation && shortExplanation(this.explanation),
    };
  }

  #firstTokenMs(): number | undefined {
    return this.firstContentMs === undefined
      ? undefined
      : round(this.firstContentMs - this.startedMs);
  }

  /** Measured by the node if it sent a decode time, or else by when the content was relayed. */
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
