/** A harness with one server for many models (`mode = "shared"`). */
import { CortexError } from '@cortex/protocol';

import { refuse } from '../../refusal.ts';
import type {
  ForeignHarness,
  ForeignLoadSpec,
  HarnessModel,
  HarnessRequest,
  InferenceRoute,
} from '../harness.ts';
import type { LoadSettings } from '../load-settings.ts';
import type { PulseGroup } from '../pulse.ts';
import type { Server, ServerState } from './server.ts';
import { KINDS, type ServerKindName } from './server-kinds.ts';
import { serveExternal } from './serve-external.ts';
import { toHarnessModel, type SharedModel } from './shared-model.ts';
import { SlotQueue } from './slot-queue.ts';
import { ServerModels } from './server-models.ts';
import type { Upstream } from './upstream.ts';

export interface SharedHarnessOptions {
  readonly name: string;
  readonly kind: ServerKindName;
  readonly server: Server;
  /** neuron started the server, so it ends it when no model is left on it. */
  readonly isOwn: boolean;
  /** The server has one model, under whatever name. */
  readonly hasOneModel: boolean;
  /** @throws CortexError `unsupported_parameter` naming a setting that this harness cannot follow */
  readonly check: (settings: LoadSettings) => void;
  readonly pulses: PulseGroup;
  /** Base URL of neuron's own listener. */
  readonly ownUrl: () => string;
}

const NEVER = new AbortController().signal;

const notLoaded = (id: string): CortexError =>
  refuse(new CortexError('model_not_loaded', `${id} is not loaded on this node.`));

export class SharedHarness implements ForeignHarness {
  readonly name: string;
  readonly kind: ServerKindName;
  readonly needs = 'nothing';
  readonly isPlaced = false;
  readonly judgesRequests = true;
  readonly checkSettings: (settings: LoadSettings) => void;
  readonly sleepModel?: (id: string) => Promise<void>;
  readonly wakeModel?: (id: string, signal: AbortSignal) => Promise<HarnessModel>;
  readonly restart?: (idle: Promise<void>) => Promise<void>;
  readonly #options: SharedHarnessOptions;
  readonly #models = new Map<string, SharedModel>();
  readonly #listeners = new Set<(modelId: string) => void>();
  #loads = 0;
  #cycles = 0;
  #isRestarting = false;

  constructor(options: SharedHarnessOptions) {
    this.name = options.name;
    this.kind = options.kind;
    this.#options = options;
    const { server, kind } = options;
    server.onChange(() => this.#allChanged());
    this.checkSettings = options.check;
    if (KINDS[kind].sleeps) {
      this.sleepModel = (id) => this.#sleep(id);
      this.wakeModel = (id, signal) => this.#wake(id, signal);
    }
    if (server.restart) this.restart = (idle) => this.#restart(idle);
  }

  onChange(listener: (modelId: string) => void): void {
    this.#listeners.add(listener);
  }

  health() {
    const { state } = this.#options.server;
    const reason = 'reason' in state ? state.reason : undefined;
    return { ok: reason === undefined, reason, lifecycleCycles: this.#cycles };
  }

  listModels(): readonly HarnessModel[] {
    const state = this.#state;
    return Array.from(this.#models.values(), (model) => toHarnessModel(model, state));
  }

  inferenceEndpoint(id: string): string | undefined {
    return this.#models.has(id) ? this.#options.ownUrl() : undefined;
  }

  async loadModel(
    { modelId, settings }: ForeignLoadSpec,
    progress: (ratio: number) => void,
    signal: AbortSignal,
  ): Promise<HarnessModel> {
    const { kind, server, hasOneModel, check } = this.#options;
    check(settings);
    signal.throwIfAborted();
    this.#loads += 1;
    try {
      const upstream = await server.ensure(signal);
      progress(0.5);
      const upstreamModel = settings.upstreamModel ?? modelId;
      const models = new ServerModels(upstream, kind);
      const name = hasOneModel && settings.upstreamModel === undefined ? undefined : upstreamModel;
      const facts = await models.load(name, signal);
      const { slots, contextLength } = settings;
      const slotCount = slots === 'auto' ? (facts.slots ?? KINDS[kind].defaultSlots) : slots;
      const contextTokens = contextLength === 'auto' ? facts.contextTokens : contextLength;
      checkContext(modelId, contextTokens, facts.contextTokens);
      const model: SharedModel = {
        id: modelId,
        upstreamModel: facts.name,
        params: settings.params,
        capabilities: facts.capabilities,
        contextTokens,
        slotCount,
        slots: new SlotQueue(slotCount),
        earlier: server.state.kind === 'up' ? server.state.incarnation - 1 : 0,
        isAsleep: false,
      };
      signal.throwIfAborted();
      this.#models.set(modelId, model);
      progress(1);
      this.#changed(modelId);
      return toHarnessModel(model, server.state);
    } finally {
      this.#loads -= 1;
      await this.#stopIfUnused();
    }
  }

  async unloadModel(id: string): Promise<void> {
    const model = this.#models.get(id);
    if (!model) return;
    this.#models.delete(id);
    this.#changed(id);
    const { server, kind } = this.#options;
    if (KINDS[kind].loadsModels && server.state.kind === 'up') {
      this.#cycles += 1;
      await new ServerModels(server.state.upstream, kind).unload(model.upstreamModel);
    } else if (model.isAsleep && server.state.kind === 'up') {
      // The server stays, and must not sleep when the model is loaded again.
      await new ServerModels(server.state.upstream, kind).wake();
    }
    await this.#stopIfUnused();
  }

  async serve(
    route: InferenceRoute,
    modelId: string,
    request: HarnessRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const { server, kind, pulses } = this.#options;
    const model = this.#models.get(modelId);
    const state = this.#state;
    if (!model || model.isAsleep || state.kind !== 'up') {
      request.ended({ kind: 'refused' });
      if (model && state.kind === 'recovering') {
        const { reason, retryAfterS } = state;
        throw refuse(new CortexError('node_recovering', `${modelId}: ${reason}.`, { retryAfterS }));
      }
      throw notLoaded(modelId);
    }
    const { upstreamModel, params, contextTokens, slots } = model;
    const target = {
      upstream: state.upstream,
      modelId,
      upstreamModel,
      params,
      contextTokens,
      slots,
      lost: state.lost,
      isAnswering: () => server.isAnswering,
      loss: () => server.loss(),
    };
    return serveExternal(route, { target, request, pulses, signal, kind });
  }

  async stop(): Promise<void> {
    this.#models.clear();
    await this.#options.server.stop(
      new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 }),
    );
  }

  #changed(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  /** A server that nobody uses holds its memory for nothing. One that unloads its models itself holds none. */
  async #stopIfUnused(): Promise<void> {
    const { isOwn, kind, server } = this.#options;
    if (!isOwn || KINDS[kind].loadsModels || this.#models.size > 0 || this.#loads > 0) return;
    await server.stop(
      new CortexError('no_capacity', `The last model of the harness ${this.name} was unloaded.`),
    );
  }

  #awake(id: string): { readonly model: SharedModel; readonly upstream: Upstream } {
    const model = this.#models.get(id);
    const { state } = this.#options.server;
    if (!model || state.kind !== 'up') throw notLoaded(id);
    return { model, upstream: state.upstream };
  }

  /** A server that sleeps takes all its models with it. */
  async #sleep(id: string): Promise<void> {
    const { model, upstream } = this.#awake(id);
    const others = [...this.#models.keys()].filter((other) => other !== id);
    if (others.length > 0) {
      throw new CortexError(
        'unsupported_parameter',
        `${id} cannot sleep alone: the server of the harness ${this.name} also serves ${others.join(', ')}.`,
      );
    }
    await new ServerModels(upstream, this.#options.kind).sleep();
    model.isAsleep = true;
    this.#changed(id);
  }

  async #wake(id: string, signal: AbortSignal): Promise<HarnessModel> {
    const { model, upstream } = this.#awake(id);
    await new ServerModels(upstream, this.#options.kind).wake(signal);
    model.isAsleep = false;
    this.#changed(id);
    return toHarnessModel(model, this.#state);
  }

  async #restart(idle: Promise<void>): Promise<void> {
    const { server } = this.#options;
    this.#isRestarting = true;
    this.#allChanged();
    try {
      await idle;
      // A server that does not run begins with its next load.
      if (server.state.kind !== 'stopped') await server.restart?.(NEVER);
      this.#cycles = 0;
      for (const model of this.#models.values()) model.isAsleep = false;
    } finally {
      this.#isRestarting = false;
      this.#allChanged();
    }
  }

  #allChanged(): void {
    for (const id of this.#models.keys()) this.#changed(id);
  }

  /** The state of the server, as requests and `/models` see it. */
  get #state(): ServerState {
    if (!this.#isRestarting) return this.#options.server.state;
    return { kind: 'recovering', reason: 'its server is being restarted', retryAfterS: 5 };
  }
}

/** A request that the server cannot hold must not be admitted. */
function checkContext(
  modelId: string,
  wanted: number | undefined,
  served: number | undefined,
): void {
  if (wanted === undefined || served === undefined || wanted <= served) return;
  throw new CortexError(
    'unsupported_parameter',
    `context_length = ${wanted} is more than the ${served} tokens with which the server of ${modelId} was started.`,
    { param: 'context_length' },
  );
}
