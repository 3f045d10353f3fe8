import {
  CortexError,
  Discovery,
  type ClaimRequest,
  DrainAnswer,
  type DrainRequest,
  EstimateAnswer,
  type LoadModelRequest,
  NEURON_HEADERS,
  NodeHealth,
  NodeModels,
  NodeVersion,
  type PullModelRequest,
  PullReport,
  RemovedFiles,
  type SleepModelRequest,
  type UnloadModelRequest,
} from '@cortex/protocol';
import { z } from 'zod';

import { endpointPath } from './endpoint-path.ts';
import { type CalledNode, sendNodeCall } from './node-call.ts';

const StatusAnswer = z.looseObject({ status: z.string() });
const EndpointAnswer = z.looseObject({ url: z.string() });

/** What a load needs on a node, and whether it fits there now. */
export interface LoadEstimate {
  readonly needMib: number;
  /** With the smallest automatic context and slots; undefined: not known. */
  readonly leastMib: number | undefined;
  /** With the largest. */
  readonly mostMib: number | undefined;
  readonly fits: boolean | undefined;
  readonly missingMib: number | undefined;
}

/** A node reads the header of a remote file for an estimate. */
const ESTIMATE_MS = 30_000;

/** MiB that a load needs where it would run. What does not fit on the GPUs counts as well: elsewhere it might. */
function neededMib(estimate: EstimateAnswer): number {
  const { vram_mb: vramMib, ram_mb: ramMib, devices, gpu_layers: layers } = estimate;
  const [onGpu, all] = layers?.split('/') ?? [];
  const isOnCpu = devices.length > 0 && devices.every((index) => index < 0);
  if (isOnCpu) return ramMib;
  return onGpu === all ? vramMib : vramMib + ramMib;
}

interface ListedModels {
  readonly models: z.infer<typeof NodeModels>;
  readonly revision: number | undefined;
}

interface NeuronClientOptions extends CalledNode {
  /** Time limit for calls that a node answers from memory. */
  readonly timeoutMs: number;
}

/**
 * The management API of one neuron. Calls reject with a CortexError that names the node, or with the reason of
 * `signal` when it aborts.
 */
export class NeuronClient {
  readonly #options: NeuronClientOptions;

  constructor(options: NeuronClientOptions) {
    this.#options = options;
  }

  health(signal: AbortSignal): Promise<NodeHealth> {
    return this.#get('/health', NodeHealth, signal);
  }

  /** The models, and the revision of the last change in the list; undefined for a node without events. */
  async models(signal: AbortSignal): Promise<ListedModels> {
    const { timeoutMs } = this.#options;
    let revision: number | undefined;
    const models = await sendNodeCall(this.#options, {
      path: '/models',
      schema: NodeModels,
      signal,
      timeoutMs,
      onHeaders: (headers) => {
        const text = headers[NEURON_HEADERS.revision];
        revision = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
      },
    });
    return { models, revision };
  }

  discovery(signal: AbortSignal): Promise<Discovery> {
    return this.#get('/discovery', Discovery, signal);
  }

  version(signal: AbortSignal): Promise<NodeVersion> {
    return this.#get('/version', NodeVersion, signal);
  }

  /** The path under which inference for the model is sent to this node, without a slash at its end. */
  async endpointPath(model: string, signal: AbortSignal): Promise<string> {
    const path = `/models/${encodeURIComponent(model)}/endpoint`;
    const { url } = await this.#get(path, EndpointAnswer, signal);
    const prefix = endpointPath(url);
    if (prefix !== undefined) return prefix;
    throw new CortexError(
      'node_protocol_error',
      `${this.#options.name} (${path}) returned an endpoint that is not an HTTP URL.`,
    );
  }

  /** Resolves when the model is loaded. It has no deadline. The node continues the load while the call is open. */
  async loadAndWait(request: LoadModelRequest, signal: AbortSignal): Promise<void> {
    await sendNodeCall(this.#options, {
      path: '/models/load?wait=true',
      body: request,
      schema: StatusAnswer,
      signal,
    });
  }

  /** Resolves with the state of the model when the node has accepted the load, without waiting for its end. */
  async startLoad(request: LoadModelRequest, signal: AbortSignal): Promise<string> {
    const { timeoutMs } = this.#options;
    const { status } = await sendNodeCall(this.#options, {
      path: '/models/load',
      body: { ...request, detached: true },
      schema: StatusAnswer,
      signal,
      timeoutMs,
    });
    return status;
  }

  /** What a load with these settings needs on the node, which does not load for it. */
  async estimate(
    { model_id: model, ...settings }: LoadModelRequest,
    signal: AbortSignal,
  ): Promise<LoadEstimate> {
    const estimate = await sendNodeCall(this.#options, {
      path: `/models/${encodeURIComponent(model)}/estimate`,
      body: settings,
      schema: EstimateAnswer,
      signal,
      timeoutMs: ESTIMATE_MS,
    });
    return {
      needMib: neededMib(estimate),
      leastMib: estimate.least_mb,
      mostMib: estimate.most_mb,
      fits: estimate.fits,
      missingMib: estimate.missing_mb,
    };
  }

  /** Resolves when the node has scanned its models folders. */
  async rescan(signal: AbortSignal): Promise<void> {
    const { timeoutMs } = this.#options;
    await sendNodeCall(this.#options, {
      path: '/models/rescan',
      body: {},
      schema: z.unknown(),
      signal,
      timeoutMs,
    });
  }

  /** Starts a download, or joins the one that runs; resolves with its report. */
  startPull(request: PullModelRequest, signal: AbortSignal): Promise<PullReport> {
    const { timeoutMs } = this.#options;
    return sendNodeCall(this.#options, {
      path: '/models/pull',
      body: request,
      schema: PullReport,
      signal,
      timeoutMs,
    });
  }

  /** The running download of the model, or else its last one. */
  pullReport(model: string, signal: AbortSignal): Promise<PullReport> {
    return this.#get(`/models/pull/${encodeURIComponent(model)}`, PullReport, signal);
  }

  /** Removes the files of a model that is not loaded. */
  removeFiles(model: string, signal: AbortSignal): Promise<RemovedFiles> {
    const { timeoutMs } = this.#options;
    return sendNodeCall(this.#options, {
      path: `/models/${encodeURIComponent(model)}/files`,
      method: 'DELETE',
      schema: RemovedFiles,
      signal,
      timeoutMs,
    });
  }

  /** Resolves when the model is unloaded. It has no deadline: running requests end first. */
  async unload(request: UnloadModelRequest, signal: AbortSignal): Promise<string> {
    const { status } = await sendNodeCall(this.#options, {
      path: '/models/unload',
      body: request,
      schema: StatusAnswer,
      signal,
    });
    return status;
  }

  /** Resolves when the model sleeps. It has no deadline: its weights move to RAM first. */
  async sleep(model: string, request: SleepModelRequest, signal: AbortSignal): Promise<void> {
    await sendNodeCall(this.#options, {
      path: `/models/${encodeURIComponent(model)}/sleep`,
      body: request,
      schema: StatusAnswer,
      signal,
    });
  }

  /** Resolves when the node has pinned or unpinned the model. */
  async pin(model: string, pinned: boolean, signal: AbortSignal): Promise<void> {
    const { timeoutMs } = this.#options;
    await sendNodeCall(this.#options, {
      path: `/models/${encodeURIComponent(model)}/pin`,
      body: { pinned },
      schema: z.unknown(),
      signal,
      timeoutMs,
    });
  }

  /** Resolves when the node keeps room for a model, or has ended that. */
  async claim(request: ClaimRequest, signal: AbortSignal): Promise<void> {
    const { timeoutMs } = this.#options;
    await sendNodeCall(this.#options, {
      path: '/claim',
      body: request,
      schema: z.unknown(),
      signal,
      timeoutMs,
    });
  }

  /** Begins or ends a drain of the node. */
  drain(request: DrainRequest, signal: AbortSignal): Promise<DrainAnswer> {
    const { timeoutMs } = this.#options;
    return sendNodeCall(this.#options, {
      path: '/drain',
      body: request,
      schema: DrainAnswer,
      signal,
      timeoutMs,
    });
  }

  /** Resolves when an external engine has been restarted. It has no deadline: running requests end first. */
  async restartHarness(name: string, signal: AbortSignal): Promise<void> {
    await sendNodeCall(this.#options, {
      path: `/harnesses/${encodeURIComponent(name)}/restart`,
      body: {},
      schema: StatusAnswer,
      signal,
    });
  }

  #get<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const { timeoutMs } = this.#options;
    return sendNodeCall(this.#options, { path, schema, signal, timeoutMs });
  }
}
