/** The work of one load: find the file, choose the devices, have the harness load it. */
import { CortexError, type LoadModelRequest } from '@cortex/protocol';

import type { DeviceMonitor } from '../devices/device-monitor.ts';
import type { Harness, HarnessModel, LoadProgressListener } from '../harness/harness.ts';
import type { HarnessRegistry } from '../harness/registry.ts';
import type { LoadSettings } from './load-settings.ts';
import type { ModelFile } from './model-file.ts';
import type { FileRequest, ModelStore } from './model-store.ts';

export interface LoadDeps {
  readonly harnesses: HarnessRegistry;
  readonly store: ModelStore;
  readonly devices: Pick<DeviceMonitor, 'place' | 'ready'>;
}

/** A model in memory: how and where it was loaded. */
export interface Loaded {
  readonly settings: LoadSettings;
  readonly harness: Harness;
  readonly file: ModelFile;
  /** Monotonic. */
  readonly loadedAtMs: number;
  /** ISO 8601, for people. */
  readonly loadedAt: string;
  readonly deviceIndexes: readonly number[];
}

export interface LoadWork {
  readonly request: LoadModelRequest;
  readonly settings: LoadSettings;
  readonly signal: AbortSignal;
  /** The file is there: what it looks like now. */
  readonly found: (file: ModelFile) => void;
  /** Devices are chosen too: what can be refused at once was not. */
  readonly prepared: () => void;
  readonly progress: LoadProgressListener;
}

/** The part of a load call that says which file. */
export const toFileRequest = ({
  model_id: modelId,
  source,
  quant,
}: LoadModelRequest): FileRequest => ({
  modelId,
  ...(source !== undefined && { source }),
  ...(quant !== undefined && { quant }),
});

/** The file's name may have said nothing, or something wrong, about what is in it. */
async function checkQuant(
  model: HarnessModel,
  { quant }: LoadSettings,
  harness: Harness,
): Promise<void> {
  if (quant === undefined || model.quant === undefined) return;
  if (model.quant.toUpperCase() === quant.toUpperCase()) return;
  await harness.unloadModel(model.id);
  throw new CortexError(
    'model_load_failed',
    `The file of ${model.id} is ${model.quant}, not ${quant}.`,
    { param: 'quant' },
  );
}

/**
 * Loads a model.
 *
 * @throws CortexError what the store, the devices or the harness said; nothing stays in memory then
 */
export async function loadOntoHarness(
  { harnesses, store, devices }: LoadDeps,
  { request, settings, signal, found, prepared, progress }: LoadWork,
): Promise<{ readonly loaded: Loaded; readonly model: HarnessModel }> {
  const harness = harnesses.get(settings.harness);
  const file = await store.find(toFileRequest(request));
  found(file);
  await devices.ready;
  const placement = devices.place({
    devices: settings.devices,
    gpuLayers: settings.gpuLayers,
    vramMib: request.vram_mb,
  });
  prepared();
  const model = await harness.loadModel(
    { modelId: request.model_id, modelPath: file.path, settings, placement },
    progress,
    signal,
  );
  await checkQuant(model, settings, harness);
  const loaded: Loaded = {
    settings,
    harness,
    file,
    loadedAtMs: performance.now(),
    loadedAt: new Date().toISOString(),
    deviceIndexes: placement.deviceIndexes,
  };
  return { loaded, model };
}
