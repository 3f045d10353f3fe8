/** The hardware of this node, kept fresh in the background so that no GET runs a command. */
import type { EngineDevice } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Every } from '../every.ts';
import type { Placement } from '../harness/harness.ts';
import { EngineCheck } from './engine-check.ts';
import { type GpuSources, type GpuSurvey, readCudaVersion, surveyGpus } from './gpu-survey.ts';
import { type HostFacts, readHostFacts, readStorage, type StorageFacts } from './host-facts.ts';
import type { NvidiaGpu } from './nvidia-smi.ts';

const REFRESH_MS = 5000;
/** So many times in a row the driver may fail to answer before what it said last no longer counts. */
const MAX_FAILED_LOOKS = 3;

export interface DeviceMonitorOptions {
  readonly sources: GpuSources;
  /** Asks an engine which devices it can use, and ends it when `signal` aborts. Called only where the driver shows a GPU. */
  readonly probe: (signal: AbortSignal) => Promise<readonly EngineDevice[]>;
  /** Indexes or uuids of GPUs to leave alone. */
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

/** What the driver said when it was asked last. */
export interface DriverReadings {
  readonly gpus: readonly NvidiaGpu[];
  /** Monotonic: when it was asked. What was allocated or freed after it may not show. */
  readonly askedMs: number;
}

/** Whether a load can be put on a GPU at all. */
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

  /** Resolves when the driver has answered, or failed to, and the engine has been asked about its GPUs. Never rejects. */
  async ready(): Promise<void> {
    await this.#first;
    if (this.#survey.gpus.length > 0) await this.#check.ask();
    this.#report();
  }

  /** GPUs that models may be put on. */
  get gpus(): readonly NvidiaGpu[] {
    return this.#check.isUsable ? this.#survey.gpus : [];
  }

  get readings(): DriverReadings {
    return { gpus: this.gpus, askedMs: this.#askedMs };
  }

  get cudaVersion(): string | undefined {
    return this.#cudaVersion;
  }

  /** Why a GPU of this machine cannot be used; undefined where all can, or there is none. */
  get unavailableReason(): string | undefined {
    return this.#unusableReason ?? this.#survey.unavailableReason;
  }

  get storage(): readonly StorageFacts[] {
    return this.#storage;
  }

  get reserveMib(): number {
    return this.#options.reserveMib;
  }

  /** Memory of a GPU, MiB. One that shares the host's reports none of its own: then it is the host's. */
  totalMibOf(gpu: NvidiaGpu): number {
    return gpu.totalMib ?? this.host.ramTotalMib;
  }

  /**
   * Where a load goes: the GPUs it names, else the one with most room, else the CPU where there is no GPU.
   *
   * @param roomMib - How much of a GPU a load may take now.
   * @throws CortexError `invalid_request` for a device that is not here; `model_load_failed` when a GPU is asked for and
   *   there is none; `no_capacity` when there is one that cannot be used now: never the CPU instead
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

  /** Asks the driver now: what was allocated or freed before the call shows afterwards. */
  async refresh(): Promise<void> {
    await this.#looking;
    await this.#lookOnce();
  }

  /** Why a GPU with a driver cannot be used: nothing is put on the CPU in its place. */
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

  /** A driver that did not answer once has lost no GPU: what it said last stays for a while. */
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
    // A network file system that is away must not keep the next look waiting.
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

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], visibleDevices: '' };

const onGpus = (gpus: readonly NvidiaGpu[]): Placement => ({
  backend: 'cuda',
  deviceIndexes: gpus.map(({ index }) => index),
  visibleDevices: gpus.map(({ uuid, index }) => uuid ?? String(index)).join(','),
});

const unusable = (reason: string): CortexError =>
  new CortexError(
    'no_capacity',
    `${reason} To use the CPU instead, load the model with gpu_layers = 0, or add the GPU to devices.exclude.`,
    { param: 'gpu_layers' },
  );
