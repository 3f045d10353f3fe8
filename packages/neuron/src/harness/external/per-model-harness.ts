/** A harness that starts one server per model (`mode = "per_model"`). */
import { CortexError } from '@cortex/protocol';

import { Listeners } from '../../listeners.ts';
import type { ForeignLoadSpec, Harness, HarnessFiles, HarnessModel } from '../harness.ts';
import { loadLimitMs } from '../load-limit.ts';
import type { LoadSettings } from '../load-settings.ts';
import { checkExternalSettings } from './check-settings.ts';
import { CommandServer } from './command-server.ts';
import { fillCommand, placeholdersOf } from './command-template.ts';
import type { ExternalParts, ServerMemory } from './external-parts.ts';
import { notLoaded } from './hosted-models.ts';
import type { ServerKindName } from './server-kinds.ts';
import { SharedHarness } from './shared-harness.ts';

/** Used where neither the load call nor an estimate says how much. */
const DEFAULT_CONTEXT_TOKENS = 8192;
const DEFAULT_SLOTS = 1;
/** What llama-server calls drafting with prediction layers. */
const WITH_MTP = 'draft-mtp';
/** Without it vLLM has no route for sleep. */
const SLEEP_FLAG = '--enable-sleep-mode';
/** More than any model has. */
const ALL_LAYERS = 999;

export interface PerModelOptions extends ExternalParts {
  readonly name: string;
  readonly kind: ServerKindName;
  readonly command: readonly string[];
  /** The program at the time of a start; absent: the first element of `command`. */
  readonly program?: (() => string) | undefined;
  readonly isAvailable?: (() => boolean) | undefined;
  /** Whether the program knows `${spec_type}` now; absent: it does if the command has it. */
  readonly draftsWithMtp?: (() => Promise<boolean>) | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly readyPath: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly acceptsArgs: boolean;
  readonly tensorParallel: number;
}

interface ModelServer {
  readonly harness: SharedHarness;
  readonly server: CommandServer;
  memory: ServerMemory | undefined;
  /** Its command asks for what vLLM needs to sleep. */
  readonly isStartedForSleep: boolean;
  readonly backend: string | undefined;
}

type LoadSpec = ForeignLoadSpec & Partial<HarnessFiles>;

/** Kinds whose `${file}` is a repository that the server fetches by itself. */
const BY_REPOSITORY: ReadonlySet<ServerKindName> = new Set(['vllm', 'mistralrs']);

/** The repository of a load: its `hf:` source, else the id of the model. */
function repositoryOf(modelId: string, { source }: LoadSettings): string {
  if (source === undefined) return modelId;
  const [, repository] = /^hf:([^@:]+)/.exec(source) ?? [];
  if (repository !== undefined) return repository;
  throw new CortexError(
    'unsupported_parameter',
    `This harness fetches models from Hugging Face by itself: source must begin with hf:, not ${source}.`,
    { param: 'source' },
  );
}

/** All layers go to a GPU unless the load says otherwise; a CPU takes none. */
function layersOnGpu({ placement, settings: { gpuLayers } }: LoadSpec): number {
  if (placement?.backend === 'cpu') return 0;
  return typeof gpuLayers === 'number' ? gpuLayers : ALL_LAYERS;
}

const numberOr = (value: number | 'auto', other: number): number =>
  value === 'auto' ? other : value;

/** The settings that the server of one model is told by its command. */
const settledSettings = (settings: LoadSettings): LoadSettings => ({
  ...settings,
  contextLength: numberOr(settings.contextLength, DEFAULT_CONTEXT_TOKENS),
  slots: numberOr(settings.slots, DEFAULT_SLOTS),
});

/** A harness named `options.name`. */
export function createPerModelHarness(options: PerModelOptions): Harness {
  const { name, kind, command } = options;
  const models = new Map<string, ModelServer>();
  const changes = new Listeners<[modelId: string]>();
  const placeholders = placeholdersOf(command);
  const needsFile = placeholders.has('file') && !BY_REPOSITORY.has(kind);

  const check = (settings: LoadSettings): void =>
    checkExternalSettings(settings, {
      harness: name,
      isShared: false,
      acceptsArgs: options.acceptsArgs,
      tensorParallel: options.tensorParallel,
      placeholders,
    });

  function commandFor(port: number, spec: LoadSpec): readonly string[] {
    const { modelId, modelPath, mmprojPath, predictionLayers } = spec;
    const settings = settledSettings(spec.settings);
    const contextTokens = numberOr(settings.contextLength, DEFAULT_CONTEXT_TOKENS);
    const slots = numberOr(settings.slots, DEFAULT_SLOTS);
    const { nCpuMoe, args = [] } = settings;
    const [first = '', ...rest] = command;
    const filled = fillCommand([options.program?.() ?? first, ...rest], {
      file: modelPath ?? repositoryOf(modelId, settings),
      port,
      context_total: contextTokens * slots,
      slots,
      mmproj: mmprojPath,
      gpu_layers: layersOnGpu(spec),
      n_cpu_moe: typeof nCpuMoe === 'number' ? nCpuMoe : undefined,
      spec_type: predictionLayers && WITH_MTP,
    });
    return [...filled, ...args];
  }

  function createServer(spec: LoadSpec): ModelServer {
    const { modelId, placement, sizeBytes } = spec;
    const server = new CommandServer({
      ...options,
      startupTimeoutMs: loadLimitMs(options.startupTimeoutMs, sizeBytes),
      harness: name,
      name: modelId,
      command: (port) => commandFor(port, spec),
      // With this order, indexes match those of nvidia-smi.
      env: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', ...placement?.env, ...options.env },
      onLog: (line) => options.onLog(modelId, line),
    });
    const harness = new SharedHarness({
      name,
      kind,
      server,
      isOwn: true,
      hasOneModel: true,
      check: () => undefined,
      pulses: options.pulses,
      ownUrl: options.ownUrl,
    });
    harness.onChange((id) => changes.call(id));
    const isStartedForSleep = commandFor(0, spec).includes(SLEEP_FLAG);
    return { harness, server, memory: undefined, isStartedForSleep, backend: placement?.backend };
  }

  function withMemory(
    model: HarnessModel,
    { memory, backend, isStartedForSleep }: ModelServer,
  ): HarnessModel {
    return { ...model, ...memory, backend, canSleep: model.canSleep && isStartedForSleep };
  }

  async function measureAgain(held: ModelServer): Promise<void> {
    const { pid } = held.server;
    if (pid !== undefined) held.memory = await options.measure(pid);
  }

  async function loadModel(
    spec: LoadSpec,
    progress: (ratio: number) => void,
    signal: AbortSignal,
  ): Promise<HarnessModel> {
    const { modelId } = spec;
    // The plan has made a number of `auto`, which every server follows by itself.
    check({ ...spec.settings, gpuLayers: 'auto' });
    await unloadModel(modelId);
    const held = createServer(spec);
    models.set(modelId, held);
    try {
      const settings = settledSettings(spec.settings);
      const model = await held.harness.loadModel({ modelId, settings }, progress, signal);
      await measureAgain(held);
      return withMemory(model, held);
    } catch (error) {
      if (models.get(modelId) === held) models.delete(modelId);
      await held.harness.stop();
      throw error;
    }
  }

  async function unloadModel(id: string): Promise<void> {
    const held = models.get(id);
    if (!held) return;
    models.delete(id);
    await held.harness.unloadModel(id);
  }

  const common = {
    name,
    kind,
    isAvailable: options.isAvailable,
    checkSettings: check,
    judgesRequests: true,
    forwardsBodies: true,
    onChange: (listener: (modelId: string) => void) => changes.add(listener),
    health: () => ({ ok: true }),
    listModels: () =>
      [...models.values()].flatMap((held) =>
        held.harness.listModels().map((model) => withMemory(model, held)),
      ),
    inferenceEndpoint: (id: string) => models.get(id)?.harness.inferenceEndpoint(id),
    loadModel,
    unloadModel,
    ...(kind === 'vllm' && {
      sleepModel: (id: string) => sleepModel(id),
      wakeModel: (id: string, signal: AbortSignal) => wakeModel(id, signal),
    }),
    serve: async (...[route, modelId, request, signal]: Parameters<Harness['serve']>) => {
      const held = models.get(modelId);
      if (held) return held.harness.serve(route, modelId, request, signal);
      request.ended({ kind: 'refused' });
      throw notLoaded(modelId);
    },
    stop: async () => {
      const stopping = [...models.values()].map(({ harness }) => harness.stop());
      models.clear();
      await Promise.all(stopping);
    },
  };

  async function sleepModel(id: string): Promise<void> {
    const held = models.get(id);
    await held?.harness.sleepModel?.(id);
    if (held) await measureAgain(held);
  }

  async function wakeModel(id: string, signal: AbortSignal): Promise<HarnessModel> {
    const held = models.get(id);
    if (!held?.harness.wakeModel) throw notLoaded(id);
    const model = await held.harness.wakeModel(id, signal);
    await measureAgain(held);
    return withMemory(model, held);
  }

  if (needsFile) {
    const { cold, draftsWithMtp = () => Promise.resolve(true) } = options;
    const drafts = placeholders.has('spec_type') ? draftsWithMtp : undefined;
    return { ...common, needs: 'gguf', cold, draftsWithMtp: drafts };
  }
  const needs = placeholders.has('file') ? 'repository' : 'nothing';
  return { ...common, needs, isPlaced: true };
}
