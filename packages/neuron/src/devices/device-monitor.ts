/** The hardware of this node, refreshed in the background so that no GET runs a command. */
import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Every } from '../every.ts';
import type { AskEngine } from './ask-engine.ts';
import { mostDevices, roomiest, type RoomOf } from './choose-devices.ts';
import { createDeviceSources } from './create-device-sources.ts';
import { type Device, envOf, NO_GPU_ENV, type Placement } from './device.ts';
import { DeviceTable } from './device-table.ts';
import type { Exclusions } from './exclusions.ts';
import type { GpuSources } from './gpu-sources.ts';
import { type HostFacts, readHostFacts, readStorage, type StorageFacts } from './host-facts.ts';
import { SourcePoll } from './source-poll.ts';

const REFRESH_MS = 5000;
/** How long a load waits for a source that has not answered yet, if another one has found a GPU. */
const LATE_SOURCE_MS = 3000;

export interface DeviceMonitorOptions {
  readonly sources: GpuSources;
  /** Asks a temporary engine. Called only if a GPU is there. */
  readonly probe: AskEngine;
  readonly exclude: Exclusions;
  /** Folders whose file systems are reported. */
  readonly storagePaths: readonly string[];
  readonly every: Every;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
}

export interface PlacementRequest {
  readonly devices?: readonly number[] | undefined;
  readonly gpuLayers: number | 'auto' | 'all';
  /** GPUs to split the model over, if `devices` does not name them. Default: 1. */
  readonly deviceCount?: number | undefined;
}

/** Whether a load can be placed on a GPU. */
export const mayUseGpu = ({ devices, gpuLayers }: PlacementRequest): boolean =>
  devices?.length !== 0 && gpuLayers !== 0;

export class DeviceMonitor {
  readonly host: HostFacts = readHostFacts();
  readonly #options: DeviceMonitorOptions;
  readonly #polls: readonly SourcePoll[];
  readonly #stop: () => void;
  readonly #first: Promise<unknown>;
  #storage: readonly StorageFacts[] = [];
  #reported: string | undefined;
  #readingStorage = false;

  constructor(options: DeviceMonitorOptions) {
    this.#options = options;
    const nowMs = options.nowMs ?? (() => performance.now());
    const { ramTotalMib } = this.host;
    const table = new DeviceTable();
    this.#polls = createDeviceSources({ ...options, nowMs, ramTotalMib }).map(
      (source) => new SourcePoll({ source, table, log: options.log, nowMs }),
    );
    this.#first = this.#firstReadings();
    this.#stop = options.every(REFRESH_MS, () => this.#look());
  }

  /**
   * Resolves when every source and the engine check have answered or failed; a source that is late is not awaited
   * if another one has found a GPU. Never rejects.
   */
  async ready(): Promise<void> {
    await this.#first;
    await Promise.all(
      this.#polls.map(async ({ source, devices }) => {
        if (devices.length > 0) await source.check?.ask();
      }),
    );
    this.#report();
  }

  /** GPUs on which models may be placed. */
  get gpus(): readonly Device[] {
    return this.#polls.filter(isUsable).flatMap(({ devices }) => devices);
  }

  get cudaVersion(): string | undefined {
    return this.#polls.map(({ reading }) => reading.cudaVersion).find((text) => text !== undefined);
  }

  /** Why a GPU of this machine cannot be used; undefined if all can be used or there is none. */
  get unavailableReason(): string | undefined {
    const reasons = this.#polls.flatMap(
      ({ source, devices, reading }) =>
        (devices.length > 0 ? source.check?.reason : undefined) ?? reading.unavailableReason ?? [],
    );
    return reasons.length === 0 ? undefined : reasons.join(' ');
  }

  get storage(): readonly StorageFacts[] {
    return this.#storage;
  }

  /** The most GPUs over which a load can be split. 1 if it names its devices or uses no GPU. */
  mostDevices(request: PlacementRequest): number {
    if (request.devices !== undefined || !mayUseGpu(request)) return 1;
    return Math.max(1, mostDevices(this.gpus));
  }

  /**
   * Places a load on the GPUs that it names, else on those with the most free memory, else on the CPU if there is no
   * GPU.
   *
   * @param roomOf - Memory of a GPU that a load may use now.
   * @throws CortexError `invalid_request` for an unknown device; `model_load_failed` when a GPU is requested and
   * there is none; `no_capacity` when a GPU cannot be used now, instead of a fallback to the CPU
   */
  place(request: PlacementRequest, roomOf: RoomOf): Placement {
    if (!mayUseGpu(request)) return CPU;
    const { devices, gpuLayers, deviceCount: count = 1 } = request;
    const { gpus, unavailableReason } = this;
    const failure = this.#failure;
    if (failure !== undefined && gpus.length === 0) throw unusable(failure);
    const chosen = devices ? this.#named(devices) : roomiest(gpus, { count, roomOf });
    if (chosen.length > 0) return { ...onGpus(chosen), warning: otherGpu(failure) };
    if (count > 1) throw tooFew(count, mostDevices(gpus));
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

  /**
   * Reads the devices now. The result includes everything that was allocated or freed before the call. A source that
   * fails is not awaited while another one works.
   */
  async refresh(): Promise<void> {
    const working = this.#polls.filter(
      ({ isFailing, devices }) => !isFailing && devices.length > 0,
    );
    const awaited = working.length > 0 ? working : this.#polls;
    await Promise.all(awaited.map((poll) => poll.readAfresh()));
    this.#report();
  }

  /** Why a GPU with a driver cannot be used. A load does not fall back to the CPU instead. */
  get #failure(): string | undefined {
    return this.#polls
      .map(({ source, devices, reading }) => {
        if (devices.length > 0) return source.check?.reason;
        return reading.isFailure === true ? reading.unavailableReason : undefined;
      })
      .find((reason) => reason !== undefined);
  }

  #named(indexes: readonly number[]): Device[] {
    const { gpus } = this;
    const chosen = indexes.map((index) => gpus.find((gpu) => gpu.index === index) ?? index);
    const missing = chosen.find((gpu) => typeof gpu === 'number');
    if (missing !== undefined) throw this.#unknown(missing, gpus);
    const named = chosen.filter((gpu) => typeof gpu !== 'number');
    if (named.length > 1 && mostDevices(named) < named.length) throw cannotSplit(named);
    return named;
  }

  #unknown(index: number, gpus: readonly Device[]): CortexError {
    const known = gpus.map((candidate) => candidate.index).join(', ');
    return new CortexError(
      'invalid_request',
      `This node has no device ${index}. Available: ${known === '' ? 'none' : known}. ${this.unavailableReason ?? ''}`.trim(),
      { param: 'devices' },
    );
  }

  async #firstReadings(): Promise<void> {
    const first = this.#polls.map(async (poll) => {
      await poll.read();
      return poll.devices.length;
    });
    const all = Promise.all(first);
    const storage = this.#readStorage();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, LATE_SOURCE_MS);
    const found = Promise.withResolvers<void>();
    for (const devices of first) void devices.then((count) => count > 0 && found.resolve());
    await Promise.race([all, Promise.all([late.promise, found.promise])]);
    // A network file system may not answer.
    await Promise.race([storage, late.promise]);
    clearTimeout(timer);
    this.#check();
  }

  #look(): void {
    void this.#readStorage();
    for (const poll of this.#polls) poll.pollIfDue();
    this.#check();
  }

  /** Has the engine try the devices that it could not open, if an attempt is due. */
  #check(): void {
    for (const { source, devices } of this.#polls) {
      if (devices.length > 0) source.check?.askIfDue();
    }
    this.#report();
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

const isUsable = ({ source }: SourcePoll): boolean => source.check?.isUsable ?? true;

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], env: NO_GPU_ENV };

const onGpus = (gpus: readonly Device[]): Placement => ({
  backend: gpus[0]?.kind ?? 'cpu',
  deviceIndexes: gpus.map(({ index }) => index),
  env: envOf(gpus),
});

const otherGpu = (failure: string | undefined): string | undefined =>
  failure === undefined ? undefined : `another GPU of this machine cannot be used. ${failure}`;

const tooFew = (count: number, most: number): CortexError =>
  new CortexError(
    'invalid_request',
    `min_devices = ${count} is more than the ${most} GPUs of one kind that this node has.`,
    { param: 'min_devices' },
  );

const cannotSplit = (named: readonly Device[]): CortexError =>
  new CortexError(
    'invalid_request',
    `A model cannot be split over the devices ${named.map(({ index, name }) => `${index} (${name})`).join(' and ')}: one process opens only GPUs of one kind, and one MIG instance.`,
    { param: 'devices' },
  );

const unusable = (reason: string): CortexError =>
  new CortexError(
    'no_capacity',
    `${reason} To use the CPU instead, load the model with gpu_layers = 0, or add the GPU to devices.exclude.`,
    { param: 'gpu_layers' },
  );
