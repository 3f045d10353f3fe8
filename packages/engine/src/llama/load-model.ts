import { stat } from 'node:fs/promises';

import { CortexError, type ErrorDetails } from '@cortex/protocol';

import type { Backend, EngineLoadSpec, LoadMode, LoadProgress } from '../engine/load.ts';
import { type GgufHeader, readGgufFile } from '../gguf/index.ts';
import { type Context, kernelsPath, type Library, type Model, openLibrary } from './binding.ts';
import { loadPooled } from './embedding/load-pooled.ts';
import type { PooledModel } from './embedding/pooled-model.ts';
import { loadModeOf } from './load-mode.ts';
import { saysOutOfMemory } from './out-of-memory.ts';
import { sizeProblem } from './memory/size-problem.ts';
import { missingLibraries } from './missing-libraries.ts';
import type { Drafter } from './speculation/drafter.ts';
import { loadDrafter } from './speculation/load-drafter.ts';
import { Tokenizer } from './tokenizer.ts';

/** Value of `auto` if no memory estimate resolved it. */
const AUTO_CONTEXT_TOKENS = 8192;
const AUTO_SLOTS = 4;

/**
 * Tokens per batch. A GPU needs many. A CPU decodes a prompt as fast with 128 as with 512 (SmolLM2-135M, 2,000 tokens),
 * and such a step delays running answers and cancels by only a quarter of the time.
 */
const BATCH_TOKENS: Readonly<Record<Backend, number>> = {
  cpu: 128,
  cuda: 512,
  vulkan: 512,
  metal: 512,
};

/** Maximum number of tokens that a load of `spec` decodes at once. */
export const batchTokensOf = ({ backend }: EngineLoadSpec): number => BATCH_TOKENS[backend];

/** The caller resolves `auto`, because it knows the free memory. An unresolved `auto` means the whole model. */
const gpuLayersOf = ({ backend, gpuLayers }: EngineLoadSpec): number | 'all' => {
  if (backend === 'cpu') return 0;
  return gpuLayers === 'auto' ? 'all' : gpuLayers;
};

/** Progress of a load when the weights are in memory. */
const WEIGHTS_RATIO = 0.9;

export interface LlamaModel {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** Context for generation. Undefined if only the vocabulary was loaded, and for models of another purpose. */
  readonly context: Context | undefined;
  /** The embedding or ranking part; undefined for a model that generates text. */
  readonly pooled: PooledModel | undefined;
  readonly contextTokens: number;
  readonly slots: number;
  readonly batchTokens: number;
  /** How the file was read. */
  readonly loadMode: LoadMode;
  /** Drafter for speculative decoding; undefined: none. */
  readonly drafter: Drafter | undefined;
}

/**
 * Loads the file of `spec` with its settings.
 *
 * @throws CortexError `model_load_failed` naming file and cause.
 */
export async function loadModel(
  spec: EngineLoadSpec,
  listeners: {
    readonly onProgress: (progress: LoadProgress) => void;
    readonly signal: AbortSignal;
    readonly log: (line: string) => void;
  },
): Promise<LlamaModel> {
  const { onProgress, signal, log } = listeners;
  await checkFiles(spec);
  const failureLog = new FailureLog(log);
  onProgress({ phase: 'starting', ratio: 0 });
  const library = await openDevice(spec, failureLog);
  try {
    const loadMode = await loadModeOf(spec);
    const model = await library.loadModel({
      path: spec.modelPath,
      gpuLayers: gpuLayersOf(spec),
      vocabOnly: spec.vocabOnly,
      loadMode,
      signal,
      onProgress: (ratio) => onProgress({ phase: 'weights', ratio: ratio * WEIGHTS_RATIO }),
    });
    const loaded = await withContext(model, spec, onProgress);
    signal.throwIfAborted();
    const { context } = loaded;
    const drafter =
      context &&
      (await loadDrafter(library, spec, { drafted: { ...loaded, context }, loadMode, signal }));
    signal.throwIfAborted();
    return { ...loaded, loadMode, drafter };
  } catch (error) {
    await library.dispose();
    if (signal.aborted) throw loadCancelled(spec, error);
    const { why, isUnknownArchitecture } = await failureLog.explain(error, spec.modelPath);
    if (failureLog.isOutOfMemory) throw outOfMemory(spec, error);
    throw failure(spec, why, {
      cause: error,
      extra: isUnknownArchitecture ? { unknown_architecture: true } : undefined,
    });
  }
}

/** A transient failure: a later load may find more memory, or need less. */
function outOfMemory({ modelPath, backend }: EngineLoadSpec, cause: unknown): CortexError {
  const [where, less] =
    backend === 'cpu'
      ? ['this machine has', 'fewer slots or a shorter context_length']
      : ['the GPU has', 'fewer slots, a shorter context_length or fewer gpu_layers'];
  return new CortexError(
    'model_load_failed',
    `Cannot load ${modelPath}: ${where} too little free memory for it. Unload another model, or load this one with ${less}.`,
    { transient: true, extra: { out_of_memory: true }, cause },
  );
}

export const loadCancelled = ({ modelId }: EngineLoadSpec, cause: unknown): CortexError =>
  new CortexError('model_load_failed', `The load of "${modelId}" was cancelled.`, {
    transient: true,
    cause,
  });

/** Frees the model. Call it when nothing uses the model any more. */
export async function disposeModel(llama: LlamaModel): Promise<void> {
  await llama.drafter?.dispose();
  await llama.context?.dispose();
  await llama.model.dispose();
}

async function withContext(
  model: Model,
  spec: EngineLoadSpec,
  onProgress: (progress: LoadProgress) => void,
): Promise<Omit<LlamaModel, 'drafter' | 'loadMode'>> {
  const slots = spec.slots === 'auto' ? AUTO_SLOTS : spec.slots;
  const contextTokens =
    spec.contextLength === 'auto'
      ? Math.min(model.trainedContextTokens, AUTO_CONTEXT_TOKENS)
      : spec.contextLength;
  const tokenizer = new Tokenizer(model.vocabulary);
  const parts = { model, tokenizer, context: undefined, pooled: undefined, slots };
  if (spec.vocabOnly) return { ...parts, contextTokens, batchTokens: batchTokensOf(spec) };
  onProgress({ phase: 'context', ratio: WEIGHTS_RATIO });
  const size = { slots, contextTokens, batchTokens: batchTokensOf(spec) };
  const pooled = await loadPooled(parts, spec, size);
  if (pooled !== undefined) return { ...parts, ...pooled.size, pooled };
  const problem = sizeProblem(spec, model.trainedContextTokens);
  if (problem !== undefined) throw new Error(problem);
  const context = await model.createContext({
    ...size,
    threads: spec.threads,
    kvType: spec.kvType,
    isBatchInvariant: spec.isBatchInvariant,
    lora: spec.lora,
  });
  return { ...parts, ...size, context };
}

/** @throws CortexError `model_load_failed` naming the first file of `spec` that does not have the expected content. */
export async function checkFiles({ modelPath, lora, draft }: EngineLoadSpec): Promise<void> {
  await checkModelFile(modelPath);
  for (const { path } of lora) await checkFile(path);
  if (draft?.kind === 'model') await checkModelFile(draft.modelPath);
}

async function checkModelFile(path: string): Promise<void> {
  const { metadata } = await checkFile(path);
  const holds = metadata.get('general.type')?.value;
  if (holds === 'adapter') throw unfit(path, 'it is a LoRA adapter, not a model (use lora for it)');
  if (holds === 'mmproj') throw unfit(path, 'it is the projector of a model, not a model');
}

/** Checks for the most common mistakes before the library is called, because its errors do not name the cause. */
async function checkFile(path: string): Promise<GgufHeader> {
  const info = await stat(path).catch((error: unknown) => {
    throw unfit(path, 'the file does not exist', error);
  });
  if (!info.isFile()) throw unfit(path, 'it is not a file');
  const reading = await readGgufFile(path).catch((error: unknown) => {
    throw unfit(path, 'it cannot be read', error);
  });
  if (reading.kind === 'broken') throw unfit(path, reading.problem);
  return reading.header;
}

const unfit = (path: string, why: string, cause?: unknown): CortexError =>
  new CortexError('model_load_failed', `Cannot load ${path}: ${why}.`, { cause });

/** @throws CortexError `model_load_failed` naming the library that is missing. */
export async function openDevice(
  spec: EngineLoadSpec,
  failureLog: Pick<FailureLog, 'log'>,
): Promise<Library> {
  try {
    return await openLibrary({ backend: spec.backend, threads: spec.threads, log: failureLog.log });
  } catch (error) {
    throw failure(
      spec,
      `the ${spec.backend} device cannot be used: ${await deviceHint(spec.backend, error)}`,
      { cause: error },
    );
  }
}

const DEVICE_NEEDS: Readonly<Record<Backend, string>> = {
  cpu: 'the package @node-llama-cpp/linux-x64 is not installed (run npm install)',
  cuda: 'it needs the NVIDIA driver and the CUDA runtime libraries libcudart and libcublas (version 12 or 13)',
  vulkan: 'it needs libvulkan.so.1 and the Vulkan driver of the GPU',
  metal: 'it needs macOS on Apple silicon',
};

async function deviceHint(backend: Backend, error: unknown): Promise<string> {
  const kernels = kernelsPath(backend);
  const missing = kernels === undefined ? [] : await missingLibraries(kernels);
  if (missing.length > 0)
    return `this machine has no ${missing.join(', no ')}; ${DEVICE_NEEDS[backend]}`;
  const said = error instanceof Error ? error.message || error.name : String(error);
  const isGpu = backend === 'cuda' || backend === 'vulkan';
  return isGpu && kernels === undefined
    ? `its kernel package is not installed (run npm install without --cpu)`
    : `${DEVICE_NEEDS[backend]}. The library says: ${said}`;
}

const failure = (spec: EngineLoadSpec, why: string, details: ErrorDetails): CortexError =>
  new CortexError('model_load_failed', `Cannot load ${spec.modelPath}: ${why}`, details);

/** How long to wait for the last lines of the library's log. */
const LATE_LOG_MS = 50;

/** How the library reports a model that is newer than itself. */
const UNKNOWN_ARCHITECTURE = /unknown model architecture/;

/** Log lines that do not name the cause. */
const NO_CAUSE = /^Failed (simulating|to parse)|failed to load model|special token|newline token/;

/**
 * Forwards the library's log and keeps the cause of a failure: a failed load throws only "Failed to load model" and
 * logs the cause.
 */
class FailureLog {
  readonly #pass: (line: string) => void;
  #cause: string | undefined;
  #isOutOfMemory = false;

  constructor(pass: (line: string) => void) {
    this.#pass = pass;
  }

  /** Whether the log reports a failed allocation: the library's error only says that an object was not created. */
  get isOutOfMemory(): boolean {
    return this.#isOutOfMemory;
  }

  readonly log = (line: string): void => {
    this.#isOutOfMemory ||= saysOutOfMemory(line);
    const [, cause] = /error loading model: (.*)/.exec(line) ?? [];
    if (cause !== undefined && !NO_CAUSE.test(cause)) this.#cause = cause;
    else if (
      /error|fail|unknown|invalid|corrupt|missing|out of/i.test(line) &&
      !NO_CAUSE.test(line)
    )
      this.#cause ??= line;
    this.#pass(line);
  };

  async explain(
    error: unknown,
    modelPath: string,
  ): Promise<{ readonly why: string; readonly isUnknownArchitecture: boolean }> {
    // The library's log arrives through the event loop, after the error.
    await new Promise((resolve) => setTimeout(resolve, LATE_LOG_MS));
    const said = error instanceof Error ? error.message : String(error);
    this.#isOutOfMemory ||= saysOutOfMemory(said);
    // The library has one log per process, and may have assigned it to another engine.
    const isSilent = this.#cause === undefined && said === 'Failed to load model';
    const guess = isSilent ? await unknownKind(modelPath) : undefined;
    const cause = this.#cause ?? guess;
    return {
      why: cause === undefined || said.includes(cause) ? said : `${said} (${cause})`,
      isUnknownArchitecture: guess !== undefined || UNKNOWN_ARCHITECTURE.test(cause ?? ''),
    };
  }
}

/** The usual reason if the library logs none: a model that is newer than the library. */
async function unknownKind(path: string): Promise<string | undefined> {
  const reading = await readGgufFile(path);
  if (reading.kind !== 'whole') return undefined;
  return `most likely the engine does not know its architecture "${reading.header.architecture}"`;
}
