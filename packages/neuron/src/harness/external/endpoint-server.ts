/** A server that somebody else runs: an address, or a unit of systemd. */
import { setTimeout as sleep } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { AwakeClock } from '../../awake-clock.ts';
import type { Every } from '../../every.ts';
import { Listeners } from '../../listeners.ts';
import { isReady } from '../../processes/server-process.ts';
import type { Offers } from '../harness.ts';
import type { OfferedList } from './offered-list.ts';
import type { Server, ServerState } from './server.ts';
import { MODELS_PATH, type Upstream } from './upstream.ts';

const POLL_MS = 5000;
/** A server elsewhere may count or charge for every request. */
const REMOTE_POLL_MS = 60_000;
/** Missed polls in a row after which the server is down. */
const MAX_MISSES = 3;
/** Down for so long, it has failed: its models can be loaded elsewhere. */
const FAILED_MS = 600_000;
const READY_PAUSE_MS = 500;

const NEVER = new AbortController().signal;

/** A unit of systemd that runs the server. */
export interface ServerUnit {
  readonly name: string;
  /** @throws Error with what systemctl wrote */
  run(verb: 'start' | 'restart', signal: AbortSignal): Promise<void>;
}

export interface EndpointServerOptions {
  readonly upstream: Upstream;
  readonly readyPath: string;
  /** Its models; absent: they are not listed. */
  readonly offered?: OfferedList | undefined;
  readonly unit?: ServerUnit | undefined;
  /** For a unit, from the start of the unit until the server is ready. */
  readonly startupTimeoutMs: number;
  readonly every: Every;
  /** Excludes time in which this daemon did not run. */
  readonly clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
  readonly log: Logger;
}

export class EndpointServer implements Server {
  readonly restart?: (signal: AbortSignal) => Promise<void>;
  readonly #options: EndpointServerOptions;
  readonly #changes = new Listeners();
  #state: ServerState = { kind: 'stopped' };
  #lost = new AbortController();
  #incarnation = 0;
  #misses = 0;
  #downSinceMs = 0;
  #isPolling = false;
  #stopPolling: (() => void) | undefined;

  constructor(options: EndpointServerOptions) {
    this.#options = options;
    const { unit } = options;
    if (unit) this.restart = (signal) => this.#restartUnit(unit, signal);
  }

  get state(): ServerState {
    return this.#state;
  }

  get offers(): Offers | undefined {
    return this.#options.offered;
  }

  get isAnswering(): boolean {
    return this.#state.kind === 'up' && this.#misses === 0;
  }

  loss(): CortexError {
    const { harness, url } = this.#options.upstream;
    return new CortexError(
      'node_recovering',
      `The connection to the server of the harness ${harness} at ${url} broke.`,
      { retryAfterS: this.#pollMs / 1000 },
    );
  }

  onChange(listener: () => void): void {
    this.#changes.add(listener);
  }

  async ensure(signal: AbortSignal): Promise<Upstream> {
    const { upstream, unit } = this.#options;
    if (!(await this.#ask(signal))) {
      signal.throwIfAborted();
      if (!unit) throw this.#absent();
      await this.#startUnit(unit, 'start', signal);
    }
    this.#enterUp();
    this.#startPolling();
    return upstream;
  }

  watch(): void {
    if (!this.#options.offered || this.#stopPolling) return;
    this.#startPolling();
    void this.#poll();
  }

  async stop(reason: CortexError): Promise<void> {
    this.#stopPolling?.();
    this.#stopPolling = undefined;
    this.#lost.abort(reason);
    this.#enter({ kind: 'stopped' });
  }

  get #pollMs(): number {
    const { protocol } = new URL(this.#options.upstream.url);
    return protocol === 'https:' ? REMOTE_POLL_MS : POLL_MS;
  }

  #startPolling(): void {
    this.#stopPolling ??= this.#options.every(this.#pollMs, () => void this.#poll());
  }

  async #restartUnit(unit: ServerUnit, signal: AbortSignal): Promise<void> {
    this.#enter({ kind: 'recovering', reason: `${unit.name} is restarted`, retryAfterS: 5 });
    this.#lost.abort(this.loss());
    await this.#startUnit(unit, 'restart', signal);
    this.#enterUp();
  }

  async #startUnit(unit: ServerUnit, verb: 'start' | 'restart', signal: AbortSignal) {
    const { startupTimeoutMs } = this.#options;
    const within = AbortSignal.any([signal, AbortSignal.timeout(startupTimeoutMs)]);
    try {
      await unit.run(verb, within);
      while (!(await this.#ask(within))) {
        await sleep(READY_PAUSE_MS, undefined, { signal: within });
      }
    } catch (error) {
      signal.throwIfAborted();
      const seconds = Math.round(startupTimeoutMs / 1000);
      const why = within.aborted
        ? `${unit.name} was not ready within ${seconds} s (engine.startup_timeout_s).`
        : `${unit.name} cannot be started: ${error instanceof Error ? error.message : String(error)}`;
      throw new CortexError('model_load_failed', why, { transient: true, cause: error });
    }
  }

  #ask(signal: AbortSignal): Promise<boolean> {
    const { upstream, readyPath } = this.#options;
    return isReady(upstream.url + readyPath, { headers: upstream.headers, signal });
  }

  /** Whether the server is up; reads its list of models on the way. */
  async #look(): Promise<boolean> {
    const { offered, readyPath } = this.#options;
    // One request, because a server elsewhere may count them.
    if (offered && readyPath === MODELS_PATH) return offered.refresh();
    const isUp = await this.#ask(NEVER);
    if (isUp) await offered?.refresh();
    return isUp;
  }

  #absent(): CortexError {
    const { upstream, readyPath } = this.#options;
    return new CortexError(
      'model_load_failed',
      `The server of the harness ${upstream.harness} is not ready: ${upstream.url}${readyPath} gives no good answer.`,
      { transient: true },
    );
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    const isUp = await this.#look();
    this.#isPolling = false;
    if (this.#stopPolling === undefined) return;
    if (isUp) return this.#enterUp();
    this.#misses += 1;
    const { clock, offered } = this.#options;
    if (this.#misses >= MAX_MISSES) offered?.clear();
    if (this.#state.kind === 'up' && this.#misses >= MAX_MISSES) {
      this.#downSinceMs = clock.nowMs();
      this.#lost.abort(this.loss());
      const { upstream, log } = this.#options;
      const reason = `its server does not answer at ${upstream.url}`;
      log.error({ harness: upstream.harness, url: upstream.url }, 'an external server is down');
      this.#enter({ kind: 'recovering', reason, retryAfterS: this.#pollMs / 1000 });
    } else if (
      this.#state.kind === 'recovering' &&
      clock.elapsedMs(this.#downSinceMs) > FAILED_MS
    ) {
      this.#enter({ kind: 'failed', reason: this.#state.reason });
    }
  }

  #enterUp(): void {
    this.#misses = 0;
    if (this.#state.kind === 'up') return;
    this.#incarnation += 1;
    this.#lost = new AbortController();
    const { upstream } = this.#options;
    const incarnation = this.#incarnation;
    this.#enter({ kind: 'up', upstream, incarnation, lost: this.#lost.signal });
  }

  #enter(state: ServerState): void {
    this.#state = state;
    this.#changes.call();
  }
}
