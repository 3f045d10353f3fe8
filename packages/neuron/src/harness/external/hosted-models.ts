/** The models that are loaded on one external server, and for how long the server is needed. */
import { CortexError } from '@cortex/protocol';

import { Listeners } from '../../listeners.ts';
import { refuse } from '../../refusal.ts';
import type { HarnessHealth, HarnessModel, HarnessRequest } from '../harness.ts';
import type { Server, ServerState } from './server.ts';
import type { SlotQueue } from './slot-queue.ts';
import type { Upstream } from './upstream.ts';

export interface HostedModel {
  readonly id: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly capabilities: readonly string[];
  readonly contextTokens?: number | undefined;
  readonly slotCount: number;
  readonly slots: SlotQueue;
  /** As `HarnessModel.canSleep`. */
  readonly canSleep?: boolean | undefined;
  /** As `HarnessModel.progress`. */
  readonly progress?: number | undefined;
}

export interface HostedModelsOptions {
  /** Name of the harness. */
  readonly name: string;
  readonly server: Server;
  /** End the server when its last model has been unloaded: it holds memory that nobody uses. */
  readonly endsServer: boolean;
  /** Otherwise called then; absent: the server holds nothing. */
  readonly free?: ((upstream: Upstream) => Promise<void>) | undefined;
  /** Base URL of neuron's own listener. */
  readonly ownUrl: () => string;
}

export type UpState = Extract<ServerState, { readonly kind: 'up' }>;

interface Entry<Model> {
  readonly model: Model;
  /** Incarnations of the server before the load, so that a load begins with 1. */
  readonly earlier: number;
  isAsleep: boolean;
}

const NEVER = new AbortController().signal;

export const notLoaded = (id: string): CortexError =>
  refuse(new CortexError('model_not_loaded', `${id} is not loaded on this node.`));

export class HostedModels<Model extends HostedModel> {
  /** Called after every change of a model's state. */
  readonly changes = new Listeners<[modelId: string]>();
  readonly #options: HostedModelsOptions;
  readonly #entries = new Map<string, Entry<Model>>();
  #loads = 0;
  #isRestarting = false;

  constructor(options: HostedModelsOptions) {
    this.#options = options;
    options.server.onChange(() => this.#allChanged());
  }

  get ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  health(): HarnessHealth {
    const { state } = this.#options.server;
    const reason = 'reason' in state ? state.reason : undefined;
    return { ok: reason === undefined, reason };
  }

  list(): readonly HarnessModel[] {
    return Array.from(this.#entries.values(), (entry) => toHarnessModel(entry, this.#state));
  }

  endpoint(id: string): string | undefined {
    return this.#entries.has(id) ? this.#options.ownUrl() : undefined;
  }

  /** Adds the model that `load` returns. The server is not ended meanwhile. */
  async add(load: () => Promise<Model>, signal: AbortSignal): Promise<HarnessModel> {
    const { server } = this.#options;
    signal.throwIfAborted();
    this.#loads += 1;
    try {
      const model = await load();
      signal.throwIfAborted();
      const earlier = server.state.kind === 'up' ? server.state.incarnation - 1 : 0;
      const entry = { model, earlier, isAsleep: false };
      this.#entries.set(model.id, entry);
      this.changes.call(model.id);
      return toHarnessModel(entry, server.state);
    } finally {
      this.#loads -= 1;
      await this.#releaseServer();
    }
  }

  /** @param leave - Has the server forget the model; called if it runs. */
  async remove(
    id: string,
    leave?: (upstream: Upstream, entry: Entry<Model>) => Promise<void>,
  ): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.changes.call(id);
    const { state } = this.#options.server;
    if (state.kind === 'up') await leave?.(state.upstream, entry);
    await this.#releaseServer();
  }

  /**
   * The model and its server for a request, whose work ends as refused if it cannot be served.
   *
   * @throws CortexError a refusal: `model_not_loaded`, or `node_recovering` with the expected wait
   */
  serving(
    id: string,
    { ended }: Pick<HarnessRequest, 'ended'>,
  ): { readonly model: Model; readonly state: UpState } {
    const entry = this.#entries.get(id);
    const state = this.#state;
    if (entry && !entry.isAsleep && state.kind === 'up') return { model: entry.model, state };
    ended({ kind: 'refused' });
    if (!entry || state.kind !== 'recovering') throw notLoaded(id);
    const { reason, retryAfterS } = state;
    throw refuse(new CortexError('node_recovering', `${id}: ${reason}.`, { retryAfterS }));
  }

  /** Marks a model as asleep or awake once `change` has made it so. @throws CortexError `model_not_loaded` */
  async setAsleep(
    id: string,
    isAsleep: boolean,
    change: (upstream: Upstream) => Promise<void>,
  ): Promise<HarnessModel> {
    const entry = this.#entries.get(id);
    const { state } = this.#options.server;
    if (!entry || state.kind !== 'up') throw notLoaded(id);
    await change(state.upstream);
    entry.isAsleep = isAsleep;
    this.changes.call(id);
    return toHarnessModel(entry, this.#state);
  }

  /** Restarts the server once `idle` has resolved; requests are refused from the call on. */
  async restart(idle: Promise<void>): Promise<void> {
    const { server } = this.#options;
    this.#isRestarting = true;
    this.#allChanged();
    try {
      await idle;
      // A server that does not run begins with its next load.
      if (server.state.kind !== 'stopped') await server.restart?.(NEVER);
      for (const entry of this.#entries.values()) entry.isAsleep = false;
    } finally {
      this.#isRestarting = false;
      this.#allChanged();
    }
  }

  async stop(): Promise<void> {
    this.#entries.clear();
    await this.#options.server.stop(
      new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 }),
    );
  }

  async #releaseServer(): Promise<void> {
    const { name, server, endsServer, free } = this.#options;
    if (this.#entries.size > 0 || this.#loads > 0) return;
    if (endsServer) {
      await server.stop(
        new CortexError('no_capacity', `The last model of the harness ${name} was unloaded.`),
      );
    } else if (server.state.kind === 'up') {
      await free?.(server.state.upstream);
    }
  }

  #allChanged(): void {
    for (const id of this.#entries.keys()) this.changes.call(id);
  }

  /** The state of the server, as requests and `/models` see it. */
  get #state(): ServerState {
    if (!this.#isRestarting) return this.#options.server.state;
    return { kind: 'recovering', reason: 'its server is being restarted', retryAfterS: 5 };
  }
}

/** The model for `/models`, from the state of its server. */
function toHarnessModel(
  { model, earlier, isAsleep }: Entry<HostedModel>,
  state: ServerState,
): HarnessModel {
  const { id, capabilities, contextTokens, slotCount: slots, progress, canSleep } = model;
  const fixed = { id, capabilities, contextTokens, slots, progress, canSleep };
  switch (state.kind) {
    case 'up':
      return {
        ...fixed,
        state: isAsleep ? 'sleeping' : 'loaded',
        incarnation: state.incarnation - earlier,
      };
    case 'recovering': {
      const { reason, retryAfterS } = state;
      return { ...fixed, state: 'recovering', incarnation: 1, reason, retryAfterS };
    }
    case 'failed':
      return { ...fixed, state: 'failed', incarnation: 1, reason: state.reason };
    case 'stopped':
      return { ...fixed, state: 'failed', incarnation: 1, reason: 'its server was stopped' };
  }
}
