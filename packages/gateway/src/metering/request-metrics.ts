import { type FleetSnapshot } from '@cortex/fleet';
import { isErrorCode } from '@cortex/protocol';
import {
  createCounterFamily,
  createHistogramFamily,
  type Family,
  type HistogramSeries,
  type Series,
} from '@cortex/service';

import { DURATION_BUCKETS_S, LATENCY_BUCKETS_S, RATE_BUCKETS, TOKEN_BUCKETS_S } from './buckets.ts';
import { type Api, type Outcome } from './request-record.ts';

const PLACE = ['api', 'model', 'node'] as const;

/** The series of one (api, model, node), resolved once so that requests write to them without a lookup. */
export interface RequestSeries {
  readonly durationS: HistogramSeries;
  readonly firstTokenS: HistogramSeries;
  readonly interTokenS: HistogramSeries;
  readonly tokensPerSecond: HistogramSeries;
  readonly queueWaitS: HistogramSeries;
  readonly promptTokens: Series;
  readonly completionTokens: Series;
  readonly cachedPromptTokens: Series;
  outcome(outcome: Outcome): Series;
}

/** Label values: `model` of a request for an unknown model, and `node` of a request without a node. */
export const UNKNOWN_MODEL = 'unknown';
export const NO_NODE = 'none';

/** The metrics of requests (contracts, section 5). */
export class RequestMetrics {
  readonly #requests = createCounterFamily({
    name: 'cortex_requests_total',
    help: 'Finished requests by outcome.',
    labels: [...PLACE, 'outcome'],
  });
  readonly #duration = createHistogramFamily({
    name: 'cortex_request_duration_seconds',
    help: 'Time from the arrival of a request to the last byte of its answer.',
    labels: PLACE,
    bounds: DURATION_BUCKETS_S,
  });
  readonly #firstToken = createHistogramFamily({
    name: 'cortex_time_to_first_token_seconds',
    help: 'Time from the arrival of a streamed request to its first content.',
    labels: PLACE,
    bounds: LATENCY_BUCKETS_S,
  });
  readonly #interToken = createHistogramFamily({
    name: 'cortex_inter_token_seconds',
    help: 'Mean time between two tokens of a stream, one observation per request.',
    labels: PLACE,
    bounds: TOKEN_BUCKETS_S,
  });
  readonly #rate = createHistogramFamily({
    name: 'cortex_tokens_per_second',
    help: 'Generated tokens per second, one observation per request.',
    labels: PLACE,
    bounds: RATE_BUCKETS,
  });
  readonly #queueWait = createHistogramFamily({
    name: 'cortex_queue_wait_seconds',
    help: 'Time a request waited for a slot, in cortex and on its node.',
    labels: PLACE,
    bounds: LATENCY_BUCKETS_S,
  });
  readonly #promptTokens = createCounterFamily({
    name: 'cortex_prompt_tokens_total',
    help: 'Prompt tokens of requests.',
    labels: PLACE,
  });
  readonly #completionTokens = createCounterFamily({
    name: 'cortex_completion_tokens_total',
    help: 'Generated tokens.',
    labels: PLACE,
  });
  readonly #cachedTokens = createCounterFamily({
    name: 'cortex_cached_prompt_tokens_total',
    help: 'Prompt tokens that a node found in its prefix cache.',
    labels: PLACE,
  });
  readonly #errors = createCounterFamily({
    name: 'cortex_request_errors_total',
    help: 'Requests that ended with an error, by its code.',
    labels: ['code'],
  });
  readonly #coldStarts = createCounterFamily({
    name: 'cortex_cold_starts_total',
    help: 'Requests that waited for the load of their model.',
    labels: ['model', 'node'],
  });
  readonly #loadDuration = createHistogramFamily({
    name: 'cortex_model_load_seconds',
    help: 'Time a request waited for the load of its model.',
    labels: ['model', 'node'],
    bounds: DURATION_BUCKETS_S,
  });
  readonly #retries = createCounterFamily({
    name: 'cortex_retries_total',
    help: 'Attempts of a request after the first one.',
    labels: ['model'],
  });

  /** In the order in which they are rendered. */
  readonly families: readonly Family[] = [
    this.#requests,
    this.#duration,
    this.#firstToken,
    this.#interToken,
    this.#rate,
    this.#queueWait,
    this.#promptTokens,
    this.#completionTokens,
    this.#cachedTokens,
    this.#errors,
    this.#coldStarts,
    this.#loadDuration,
    this.#retries,
  ];

  readonly #resolved = new Map<string, RequestSeries>();

  /** The series of one (api, model, node). */
  series(api: Api, model: string, node: string): RequestSeries {
    const key = `${api} ${node} ${model}`;
    let series = this.#resolved.get(key);
    if (series === undefined) {
      series = this.#resolve([api, model, node]);
      this.#resolved.set(key, series);
    }
    return series;
  }

  /** A code that is not in the table counts as `other`: nodes must not create label values. */
  countError(code: string): void {
    this.#errors.series([isErrorCode(code) ? code : 'other']).value += 1;
  }

  countColdStart(model: string, node: string, loadS: number): void {
    this.#coldStarts.series([model, node]).value += 1;
    this.#loadDuration.series([model, node]).observe(loadS);
  }

  countRetries(model: string, retries: number): void {
    this.#retries.series([model]).value += retries;
  }

  /** Forgets every series of a model that is neither catalogued nor on a node, and of a node that is not configured. */
  keep({ catalogue, replicasByModel, nodes }: FleetSnapshot): void {
    const isGone = (label: (name: string) => string | undefined): boolean => {
      const [model = UNKNOWN_MODEL, node = NO_NODE] = [label('model'), label('node')];
      const isModelGone =
        model !== UNKNOWN_MODEL && !catalogue.has(model) && !replicasByModel.has(model);
      return isModelGone || (node !== NO_NODE && !nodes.has(node));
    };
    for (const family of this.families) family.prune(isGone);
    this.#resolved.clear();
  }

  #resolve(place: readonly [Api, string, string]): RequestSeries {
    const outcomes = new Map<Outcome, Series>();
    return {
      durationS: this.#duration.series(place),
      firstTokenS: this.#firstToken.series(place),
      interTokenS: this.#interToken.series(place),
      tokensPerSecond: this.#rate.series(place),
      queueWaitS: this.#queueWait.series(place),
      promptTokens: this.#promptTokens.series(place),
      completionTokens: this.#completionTokens.series(place),
      cachedPromptTokens: this.#cachedTokens.series(place),
      outcome: (outcome) => {
        let series = outcomes.get(outcome);
        if (series === undefined) {
          series = this.#requests.series([...place, outcome]);
          outcomes.set(outcome, series);
        }
        return series;
      },
    };
  }
}
