/** The models that a running server lists, as they were last read. */
import { MAX_MODEL_CHARS } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import { Listeners } from '../../listeners.ts';
import type { OfferedModel } from '../harness.ts';
import { listUpstreamModels, type Upstream } from './upstream.ts';

/** Of one server, which decides about its list. */
const MAX_MODELS = 1000;

/** Names that requests and log lines cannot contain. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}]/u;

const isUsable = ({ id }: OfferedModel): boolean =>
  id !== '' && id.length <= MAX_MODEL_CHARS && !UNPRINTABLE.test(id);

/** The first usable models, one per id. */
function firstOf(models: readonly OfferedModel[]): readonly OfferedModel[] {
  const byId = new Map<string, OfferedModel>();
  for (const model of models) {
    if (byId.size === MAX_MODELS) break;
    if (isUsable(model) && !byId.has(model.id)) byId.set(model.id, model);
  }
  return [...byId.values()];
}

export class OfferedList {
  /** Called after every change of `models`. */
  readonly changes = new Listeners();
  readonly #upstream: Upstream;
  readonly #log: Pick<Logger, 'warn'>;
  #models: readonly OfferedModel[] = [];
  /** Why the list could not be read; logged once. */
  #problem: string | undefined;

  constructor(upstream: Upstream, log: Pick<Logger, 'warn'>) {
    this.#upstream = upstream;
    this.#log = log;
  }

  get models(): readonly OfferedModel[] {
    return this.#models;
  }

  /** Reads the list. Returns whether there was one; without one, the last list stays. */
  async refresh(): Promise<boolean> {
    try {
      this.#enter(firstOf(await listUpstreamModels(this.#upstream)));
      this.#problem = undefined;
      return true;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) {
        const { harness } = this.#upstream;
        this.#log.warn({ harness, reason: problem }, 'the models of a server cannot be listed');
      }
      this.#problem = problem;
      return false;
    }
  }

  /** The server is down, so it offers nothing. */
  clear(): void {
    this.#enter([]);
  }

  #enter(models: readonly OfferedModel[]): void {
    if (Bun.deepEquals(models, this.#models)) return;
    this.#models = models;
    this.changes.call();
  }
}
