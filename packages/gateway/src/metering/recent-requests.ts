import type { AdminRequest } from '@cortex/protocol';

import type { RequestRecord } from './request-record.ts';

/** So many requests are remembered; the oldest go. */
const MAX_REQUESTS = 1000;

export interface RequestFilter {
  /** At most so many. */
  readonly limit: number;
  readonly model?: string | undefined;
  readonly node?: string | undefined;
  readonly outcome?: string | undefined;
}

/** The records of the last requests, for `GET /admin/v1/requests`. */
export class RecentRequests {
  /** A ring: each request writes into it. */
  readonly #records: RequestRecord[] = [];
  #next = 0;

  add(record: RequestRecord): void {
    this.#records[this.#next] = record;
    this.#next = (this.#next + 1) % MAX_REQUESTS;
  }

  /** The last requests that match, newest first. */
  list({ limit, model, node, outcome }: RequestFilter): readonly AdminRequest[] {
    const newest = [
      ...this.#records.slice(this.#next),
      ...this.#records.slice(0, this.#next),
    ].toReversed();
    return newest
      .filter(
        (record) =>
          (model === undefined || record.model === model) &&
          (node === undefined || record.node === node) &&
          (outcome === undefined || record.outcome === outcome),
      )
      .slice(0, limit)
      .map(({ level: _level, time: _time, msg: _msg, ...request }) => request);
  }
}
