/** A harness with one server for many models (`mode = "shared"`). */
import { CortexError } from '@cortex/protocol';

import type {
  ForeignHarness,
  ForeignLoadSpec,
  HarnessHealth,
  HarnessModel,
  HarnessRequest,
  InferenceRoute,
  Offers,
} from '../harness.ts';
import type { LoadSettings } from '../load-settings.ts';
import { TakenFields } from './chat-body/taken-fields.ts';
import type { ExternalParts } from './external-parts.ts';
import { type HostedModel, HostedModels } from './hosted-models.ts';
import type { Server } from './server.ts';
import { KINDS, type ServerKindName } from './server-kinds.ts';
import { serveExternal } from './serve-external.ts';
import { SlotQueue } from './slot-queue.ts';
import { ServerModels } from './server-models.ts';
import type { Upstream } from './upstream.ts';

interface SharedModel extends HostedModel {
  /** The name that the server knows it by. */
  readonly upstreamModel: string;
  readonly takenFields: TakenFields;
}

export interface SharedHarnessOptions extends Pick<ExternalParts, 'pulses' | 'ownUrl'> {
  readonly name: string;
  readonly kind: ServerKindName;
  readonly server: Server;
  /** neuron started the server, so it ends it when no model is left on it. */
  readonly isOwn: boolean;
  /** The server has one model, under whatever name. */
  readonly hasOneModel: boolean;
  /** @throws CortexError `unsupported_parameter` naming a setting that this harness cannot follow */
  readonly check: (settings: LoadSettings) => void;
}

export class SharedHarness implements ForeignHarness {
  readonly name: string;
  readonly kind: ServerKindName;
  readonly needs = 'nothing';
  readonly isPlaced = false;
  readonly judgesRequests = true;
  readonly forwardsBodies = true;
  readonly checkSettings: (settings: LoadSettings) => void;
  readonly sleepModel?: (id: string) => Promise<void>;
  readonly wakeModel?: (id: string, signal: AbortSignal) => Promise<HarnessModel>;
  readonly restart?: (idle: Promise<void>) => Promise<void>;
  readonly offers: Offers | undefined;
  readonly #options: SharedHarnessOptions;
  readonly #models: HostedModels<SharedModel>;
  #cycles = 0;

  constructor(options: SharedHarnessOptions) {
    const { name, kind, server, isOwn } = options;
    this.name = name;
    this.kind = kind;
    this.#options = options;
    // A server that unloads its models itself holds no memory for nothing.
    const endsServer = isOwn && !KINDS[kind].loadsModels;
    this.#models = new HostedModels({ ...options, endsServer });
    this.checkSettings = options.check;
    this.offers = server.offers;
    if (KINDS[kind].sleeps) {
      this.sleepModel = async (id) => {
        await this.#models.setAsleep(id, true, (upstream) => this.#on(upstream).sleep());
      };
      this.wakeModel = (id, signal) =>
        this.#models.setAsleep(id, false, (upstream) => this.#on(upstream).wake(signal));
    }
    if (server.restart) this.restart = (idle) => this.#restart(idle);
  }

  onChange(listener: (modelId: string) => void): void {
    this.#models.changes.add(listener);
  }

  health(): HarnessHealth {
    return { ...this.#models.health(), lifecycleCycles: this.#cycles };
  }

  listModels(): readonly HarnessModel[] {
    const models = this.#models.list();
    // A server that sleeps takes all its models with it.
    return models.length === 1 ? models : models.map((model) => ({ ...model, canSleep: false }));
  }

  inferenceEndpoint(id: string): string | undefined {
    return this.#models.endpoint(id);
  }

  async loadModel(
    { modelId, settings }: ForeignLoadSpec,
    progress: (ratio: number) => void,
    signal: AbortSignal,
  ): Promise<HarnessModel> {
    const { kind, server, hasOneModel, check } = this.#options;
    check(settings);
    return this.#models.add(async () => {
      const upstream = await server.ensure(signal);
      progress(0.5);
      const upstreamModel = settings.upstreamModel ?? modelId;
      const name = hasOneModel && settings.upstreamModel === undefined ? undefined : upstreamModel;
      const facts = await this.#on(upstream).load(name, signal);
      const { slots, contextLength } = settings;
      const slotCount = slots === 'auto' ? (facts.slots ?? KINDS[kind].defaultSlots) : slots;
      const contextTokens = contextLength === 'auto' ? facts.contextTokens : contextLength;
      checkContext(modelId, contextTokens, facts.contextTokens);
      progress(1);
      return {
        id: modelId,
        upstreamModel: facts.name,
        params: settings.params,
        capabilities: facts.capabilities,
        canSleep: facts.canSleep,
        contextTokens,
        slotCount,
        slots: new SlotQueue(slotCount),
        takenFields: new TakenFields(),
      };
    }, signal);
  }

  async unloadModel(id: string): Promise<void> {
    await this.#models.remove(id, async (upstream, { model, isAsleep }) => {
      if (KINDS[this.kind].loadsModels) {
        this.#cycles += 1;
        await this.#on(upstream).unload(model.upstreamModel);
      } else if (isAsleep) {
        // The server stays, and must not sleep when the model is loaded again.
        await this.#on(upstream).wake();
      }
    });
  }

  async serve(
    route: InferenceRoute,
    modelId: string,
    request: HarnessRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const { server, kind, pulses } = this.#options;
    const { model, state } = this.#models.serving(modelId, request);
    const { upstreamModel, params, contextTokens, slots, takenFields } = model;
    const target = {
      upstream: state.upstream,
      kind,
      modelId,
      upstreamModel,
      params,
      contextTokens,
      slots,
      takenFields: takenFields.of(state.incarnation),
      lost: state.lost,
      isAnswering: () => server.isAnswering,
      loss: () => server.loss(),
    };
    return serveExternal(route, { target, request, pulses, signal });
  }

  /** Does not wait for the server. */
  async start(): Promise<void> {
    this.#options.server.watch?.();
  }

  async stop(): Promise<void> {
    await this.#models.stop();
  }

  #on(upstream: Upstream): ServerModels {
    return new ServerModels(upstream, this.kind);
  }

  async #restart(idle: Promise<void>): Promise<void> {
    await this.#models.restart(idle);
    this.#cycles = 0;
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
