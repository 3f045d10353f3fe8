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
  readonly devices: readonly number[] | undefined;
  readonly gpuLayers: number | 'auto' | 'all';
  readonly vramMib: number | undefined;
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
  #isRefreshing = false;

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
   *   and none can be used (never the CPU instead), `insufficient_vram` when `vramMib` does not fit now
   */
  place({ devices, gpuLayers, vramMib }: PlacementRequest): Placement {
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
    if (vramMib !== undefined) this.#checkRoom(chosen, vramMib);
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

  #checkRoom(gpus: readonly NvidiaGpu[], vramMib: number): void {
    if (gpus.some(({ freeMib }) => freeMib === undefined)) return;
    const freeMib = gpus.reduce(
      (sum, gpu) => sum + Math.max(0, (gpu.freeMib ?? 0) - this.#options.reserveMib),
      0,
    );
    if (vramMib <= freeMib) return;
    const device = gpus[0]?.index ?? 0;
    throw new CortexError(
      'insufficient_vram',
      `Device ${device} has ${freeMib} MiB free beyond its reserve, ${vramMib} MiB are needed.`,
      { extra: { device, missing_mb: Math.ceil(vramMib - freeMib) } },
    );
  }

  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    try {
      this.#storage = await readStorage(this.#options.storagePaths);
      this.#survey = await this.#usable(await surveyGpus(this.#options.sources));
      this.#report(this.#survey.unavailableReason);
    } catch (error) {
      this.#options.log.error({ err: error }, 'the hardware could not be read');
    } finally {
      this.#isRefreshing = false;
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
