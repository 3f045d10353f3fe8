/** The hardware of this node, kept fresh in the background so that no GET runs a command. */
import type { EngineDevice } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Every } from '../every.ts';
import type { Placement } from '../harness/harness.ts';
import {
  explainEngineBlindness,
  type GpuSources,
  type GpuSurvey,
  surveyGpus,
} from './gpu-survey.ts';
import { type HostFacts, readHostFacts, readStorage, type StorageFacts } from './host-facts.ts';
import type { NvidiaGpu } from './nvidia-smi.ts';

const REFRESH_MS = 5000;

export interface DeviceMonitorOptions {
  readonly sources: GpuSources;
  /** Asks the engine which devices it can use. Called once, and only where the driver shows a GPU. */
  readonly probe: () => Promise<readonly EngineDevice[]>;
  /** Indexes or uuids of GPUs to leave alone. */
  readonly exclude: readonly (number | string)[];
  /** MiB kept free on each GPU. */
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

export class DeviceMonitor {
  /** Resolves when the hardware was looked at for the first time. */
  readonly ready: Promise<void>;
  readonly host: HostFacts = readHostFacts();
  readonly #options: DeviceMonitorOptions;
  readonly #stop: () => void;
  #survey: GpuSurvey = { gpus: [] };
  #storage: readonly StorageFacts[] = [];
  #engineBlindness: Promise<string | undefined> | undefined;
  #reported: string | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: DeviceMonitorOptions) {
    this.#options = options;
    this.ready = this.#refresh();
    this.#stop = options.every(REFRESH_MS, () => void this.#refresh());
  }

  /** GPUs that models may be put on. */
  get gpus(): readonly NvidiaGpu[] {
    return this.#survey.gpus;
  }

  get cudaVersion(): string | undefined {
    return this.#survey.cudaVersion;
  }

  get unavailableReason(): string | undefined {
    return this.#survey.unavailableReason;
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
   * Where a load goes: the GPUs it names, else the one with most free memory, else the CPU.
   *
   * @throws CortexError `invalid_request` for a device that is not here, `model_load_failed` when a GPU is asked for
   *   and none can be used (never the CPU instead)
   */
  place({ devices, gpuLayers }: PlacementRequest): Placement {
    if (devices?.length === 0 || gpuLayers === 0) return CPU;
    const chosen = devices ? devices.map((index) => this.#gpu(index)) : this.#freest();
    if (chosen.length === 0) {
      if (gpuLayers === 'auto') return CPU;
      throw new CortexError(
        'model_load_failed',
        `gpu_layers = ${gpuLayers} needs a GPU. ${this.unavailableReason ?? 'This node has none.'}`,
        { param: 'gpu_layers' },
      );
    }
    return {
      backend: 'cuda',
      deviceIndexes: chosen.map(({ index }) => index),
      visibleDevices: chosen.map(({ uuid, index }) => uuid ?? String(index)).join(','),
    };
  }

  close(): void {
    this.#stop();
  }

  #gpu(index: number): NvidiaGpu {
    const gpu = this.gpus.find((candidate) => candidate.index === index);
    if (gpu) return gpu;
    const known = this.gpus.map((candidate) => candidate.index).join(', ');
    throw new CortexError(
      'invalid_request',
      `This node has no device ${index}; it has: ${known === '' ? 'none' : known}. ${this.unavailableReason ?? ''}`.trim(),
      { param: 'devices' },
    );
  }

  #freest(): NvidiaGpu[] {
    const byRoom = [...this.gpus].sort((a, b) => (b.freeMib ?? 0) - (a.freeMib ?? 0));
    return byRoom.slice(0, 1);
  }

  /** Looks at the hardware now: what was allocated or freed before the call shows afterwards. */
  async refresh(): Promise<void> {
    await this.#refreshing;
    await this.#refresh();
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #look(): Promise<void> {
    try {
      this.#storage = await readStorage(this.#options.storagePaths);
      this.#survey = await this.#usable(await surveyGpus(this.#options.sources));
      this.#report(this.#survey.unavailableReason);
    } catch (error) {
      this.#options.log.error({ err: error }, 'the hardware could not be read');
    }
  }

  /** A GPU is listed only if the engine can use it and the operator lets it. */
  async #usable(survey: GpuSurvey): Promise<GpuSurvey> {
    if (survey.gpus.length === 0) return survey;
    this.#engineBlindness ??= explainEngineBlindness(this.#options.probe);
    const unavailableReason = await this.#engineBlindness;
    if (unavailableReason !== undefined) return { ...survey, gpus: [], unavailableReason };
    const excluded = new Set(this.#options.exclude);
    return {
      ...survey,
      gpus: survey.gpus.filter(
        ({ index, uuid }) => !excluded.has(index) && !(uuid !== undefined && excluded.has(uuid)),
      ),
    };
  }

  #report(reason: string | undefined): void {
    if (reason === this.#reported) return;
    this.#reported = reason;
    if (reason !== undefined) this.#options.log.error({ reason }, 'GPU unavailable');
  }
}

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], visibleDevices: '' };
