/** The hardware of this node, refreshed in the background so that no GET runs a command. */
import type { EngineDevice } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Every } from '../every.ts';
import { NO_GPU_ENV, type Placement } from './device.ts';
import { EngineCheck } from './engine-check.ts';
import { type GpuSources, type GpuSurvey, readCudaVersion, surveyGpus } from './gpu-survey.ts';
import { type HostFacts, readHostFacts, readStorage, type StorageFacts } from './host-facts.ts';
import type { NvidiaGpu } from './nvidia-smi.ts';

const REFRESH_MS = 5000;
/** Failed queries of the driver in a row after which its last answer no longer counts. */
const MAX_FAILED_LOOKS = 3;

export interface DeviceMonitorOptions {
  readonly sources: GpuSources;
  /**
   * Starts an engine, asks it which devices it can use, and kills it when `signal` aborts. Called only if the
   * driver shows a GPU.
   */
  readonly probe: (signal: AbortSignal) => Promise<readonly EngineDevice[]>;
  /** Indexes or UUIDs of GPUs that are not used. */
  readonly exclude: readonly (number | string)[];
  /** MiB to keep free on each GPU. */
  readonly reserveMib: number;
  /** Folders whose file systems are reported. */
  readonly storagePaths: readonly string[];
  readonly every: Every;
  readonly log: Logger;
}

export interface PlacementRequest {
  readonly devices?: readonly number[] | undefined;
  readonly gpuLayers: number | 'auto' | 'all';
}

/** The last answer of the driver. */
export interface DriverReadings {
  readonly gpus: readonly NvidiaGpu[];
  /** Time of the query, monotonic. Later allocations may be missing. */
  readonly askedMs: number;
}

/** Whether a load can be placed on a GPU. */
export const mayUseGpu = ({ devices, gpuLayers }: PlacementRequest): boolean =>
  devices?.length !== 0 && gpuLayers !== 0;

export class DeviceMonitor {
  readonly host: HostFacts = readHostFacts();
  readonly #options: DeviceMonitorOptions;
  readonly #check: EngineCheck;
  readonly #stop: () => void;
  readonly #first: Promise<void>;
  #survey: GpuSurvey = { gpus: [] };
  #askedMs = 0;
  #failedLooks = 0;
  #cudaVersion: string | undefined;
  #storage: readonly StorageFacts[] = [];
  #reported: string | undefined;
  #looking: Promise<void> | undefined;
  #readingStorage = false;

  constructor(options: DeviceMonitorOptions) {
    this.#options = options;
    this.#check = new EngineCheck({ probe: options.probe, log: options.log });
    this.#first = this.#lookOnce();
    this.#stop = options.every(REFRESH_MS, () => void this.#lookOnce());
  }

  /** Resolves when the driver query and the engine check have finished or failed. Never rejects. */
  async ready(): Promise<void> {
    await this.#first;
    if (this.#survey.gpus.length > 0) await this.#check.ask();
    this.#report();
  }

  /** GPUs on which models may be placed. */
  get gpus(): readonly NvidiaGpu[] {
    return this.#check.isUsable ? this.#survey.gpus : [];
  }

  get readings(): DriverReadings {
    return { gpus: this.gpus, askedMs: this.#askedMs };
  }

  get cudaVersion(): string | undefined {
    return this.#cudaVersion;
  }

  /** Why a GPU of this machine cannot be used; undefined if all can be used or there is none. */
  get unavailableReason(): string | undefined {
    return this.#unusableReason ?? this.#survey.unavailableReason;
  }

  get storage(): readonly StorageFacts[] {
    return this.#storage;
  }

  get reserveMib(): number {
    return this.#options.reserveMib;
  }

  /** Memory of a GPU, MiB. A GPU with unified memory reports none, so it has the memory of the host. */
  totalMibOf(gpu: NvidiaGpu): number {
    return gpu.totalMib ?? this.host.ramTotalMib;
  }

  /**
   * Places a load on the GPUs that it names, else on the GPU with the most free memory, else on the CPU if there is
   * no GPU.
   *
   * @param roomMib - Memory of a GPU that a load may use now.
   * @throws CortexError `invalid_request` for an unknown device; `model_load_failed` when a GPU is requested and
   * there is none; `no_capacity` when a GPU cannot be used now, instead of a fallback to the CPU
   */
  place(request: PlacementRequest, roomMib: (gpu: NvidiaGpu) => number): Placement {
    if (!mayUseGpu(request)) return CPU;
    const { devices, gpuLayers } = request;
    if (this.#unusableReason !== undefined) throw unusable(this.#unusableReason);
    const chosen = devices ? devices.map((index) => this.#gpu(index)) : this.#roomiest(roomMib);
    if (chosen.length > 0) return onGpus(chosen);
    const { unavailableReason } = this;
    if (gpuLayers === 'auto') {
      if (unavailableReason === undefined) return CPU;
      return { ...CPU, warning: `it runs on the CPU. ${unavailableReason}` };
    }
    throw new CortexError(
      'model_load_failed',
      `gpu_layers = ${gpuLayers} needs a GPU. ${unavailableReason ?? 'This node has none.'}`,
      { param: 'gpu_layers' },
    );
  }

  close(): void {
    this.#stop();
  }

  /** Queries the driver now. The result includes everything that was allocated or freed before the call. */
  async refresh(): Promise<void> {
    await this.#looking;
    await this.#lookOnce();
  }

  /** Error for a GPU with a driver that cannot be used. The load does not fall back to the CPU. */
  get #unusableReason(): string | undefined {
    const { isFailure, unavailableReason, gpus } = this.#survey;
    if (isFailure) return unavailableReason;
    return gpus.length > 0 ? this.#check.reason : undefined;
  }

  #gpu(index: number): NvidiaGpu {
    const gpu = this.gpus.find((candidate) => candidate.index === index);
    if (gpu) return gpu;
    const known = this.gpus.map((candidate) => candidate.index).join(', ');
    throw new CortexError(
      'invalid_request',
      `This node has no device ${index}. Available: ${known === '' ? 'none' : known}. ${this.unavailableReason ?? ''}`.trim(),
      { param: 'devices' },
    );
  }

  #roomiest(roomMib: (gpu: NvidiaGpu) => number): NvidiaGpu[] {
    const byRoom = this.gpus
      .map((gpu) => ({ gpu, room: roomMib(gpu) }))
      .sort((a, b) => b.room - a.room);
    return byRoom.slice(0, 1).map(({ gpu }) => gpu);
  }

  #lookOnce(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    void this.#readStorage();
    const askedMs = performance.now();
    try {
      this.#take(await surveyGpus(this.#options.sources), askedMs);
      if (this.#survey.gpus.length > 0) {
        this.#check.askIfDue();
        this.#cudaVersion ??= await readCudaVersion(this.#options.sources);
      }
    } catch (error) {
      this.#options.log.error({ err: error }, 'the GPUs of this machine could not be queried');
    }
    this.#report();
  }

  /** One failed query does not mean that a GPU is gone, so the last answer stays valid for a while. */
  #take(survey: GpuSurvey, askedMs: number): void {
    this.#failedLooks = survey.isFailure ? this.#failedLooks + 1 : 0;
    const isSlip = this.#failedLooks > 0 && this.#failedLooks < MAX_FAILED_LOOKS;
    if (isSlip && this.#survey.gpus.length > 0) return;
    const excluded = new Set(this.#options.exclude);
    const gpus = survey.gpus.filter(
      ({ index, uuid }) => !excluded.has(index) && !(uuid !== undefined && excluded.has(uuid)),
    );
    this.#survey = { ...survey, gpus };
    this.#askedMs = askedMs;
  }

  async #readStorage(): Promise<void> {
    // A network file system that does not answer must not delay the next refresh.
    if (this.#readingStorage) return;
    this.#readingStorage = true;
    this.#storage = await readStorage(this.#options.storagePaths);
    this.#readingStorage = false;
  }

  #report(): void {
    const reason = this.unavailableReason;
    if (reason === this.#reported) return;
    this.#reported = reason;
    if (reason !== undefined) this.#options.log.error({ reason }, 'GPU unavailable');
  }
}

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], env: NO_GPU_ENV };

const onGpus = (gpus: readonly NvidiaGpu[]): Placement => ({
  backend: 'cuda',
  deviceIndexes: gpus.map(({ index }) => index),
  env: {
    ...NO_GPU_ENV,
    CUDA_VISIBLE_DEVICES: gpus.map(({ uuid, index }) => uuid ?? String(index)).join(','),
  },
});

const unusable = (reason: string): CortexError =>
  new CortexError(
    'no_capacity',
    `${reason} To use the CPU instead, load the model with gpu_layers = 0, or add the GPU to devices.exclude.`,
    { param: 'gpu_layers' },
  );
