/**
 * The only file that imports node-llama-cpp.
 *
 * The engine drives the library's private low-level binding with its own scheduler (docs/decisions). The calls are
 * declared in `native-types.ts` and pinned by `test/llama-binding.test.ts` to the exact version.
 */
import type {
  GgmlType,
  GgufFileType,
  GgufInsights,
  Llama,
  LlamaContext,
  LlamaModel,
} from 'node-llama-cpp';

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Backend, LoadMode, LoraAdapter } from '../engine/load.ts';
import type {
  NativeBindings,
  NativeCheckpoint,
  NativeContext,
  NativeGrammarState,
  NativeModel,
  NativeSampler,
  SamplerConfig,
  Token,
} from './native-types.ts';
import { SharedResources } from './shared-resources.ts';
import { RenderThread } from './templates/render-thread.ts';
import { Vocabulary } from './vocabulary.ts';

export interface OpenLibraryOptions {
  readonly backend: Backend;
  readonly threads: number;
  readonly log: (line: string) => void;
}

export interface LoadModelOptions {
  readonly path: string;
  readonly gpuLayers: number | 'all';
  readonly vocabOnly: boolean;
  readonly loadMode: LoadMode;
  readonly signal: AbortSignal;
  /** 0 to 1. */
  readonly onProgress: (ratio: number) => void;
}

export interface CreateContextOptions {
  readonly slots: number;
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly threads: number;
  readonly kvType: 'f16' | 'q8_0' | 'q4_0';
  readonly isBatchInvariant: boolean;
  readonly lora?: readonly LoraAdapter[] | undefined;
  /** Whether it returns embeddings or rank scores instead of logits. */
  readonly pooled?: 'embedding' | 'rerank' | undefined;
}

/** The settings that decide the memory of a context. */
export interface ContextSize {
  readonly slots: number;
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly kvType: 'f16' | 'q8_0' | 'q4_0';
  readonly gpuLayers: number;
  readonly isBatchInvariant: boolean;
  /** Whether it returns embeddings or rank scores instead of logits. */
  readonly isPooled?: boolean | undefined;
}

/** Bytes. */
export interface Memory {
  readonly ram: number;
  readonly vram: number;
}

const GPU_KIND: Readonly<Record<Backend, false | 'cuda' | 'vulkan' | 'metal'>> = {
  cpu: false,
  cuda: 'cuda',
  vulkan: 'vulkan',
  metal: 'metal',
};

/** `llama_pooling_type`, by number. */
const POOLINGS: Readonly<Record<number, 'none' | 'mean' | 'cls' | 'last' | 'rank'>> = {
  0: 'none',
  1: 'mean',
  2: 'cls',
  3: 'last',
  4: 'rank',
};

/** The seed that the library takes as "random", so that it would never repeat. */
const RANDOM_SEED = 0xffffffff;

/**
 * The caller decides whether a load fits, with its own reserve. So the library must not keep another one (by default 8
 * % or 1.6 GiB of a GPU), and must not refuse a load by its own estimate.
 */
const NO_PADDING = { vramPadding: 0, ramPadding: 0 } as const;
const NO_SECOND_JUDGE = { ignoreMemorySafetyChecks: true } as const;

const KV_TYPES = { f16: 'F16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const;

/** The library version that this build requires. */
export const LIBRARY_VERSION = '3.22.1';

/** The installed version of the library. */
export const installedVersion = async (): Promise<string> =>
  (await importLibrary()).getModuleVersion();

/** Imported on demand: a host that only routes requests does not need it, and an engine can report that it starts. */
const importLibrary = () => import('node-llama-cpp');

/** Open libraries, by device and threads. Opening one takes 0.2 s, because it tests its kernels in another process. */
const libraries = new SharedResources<string, Llama>();

/** The library has one log per process. Its lines go to the user that opened it last, which is most likely loading. */
const logs: ((line: string) => void)[] = [];

/** The thread that renders the templates of all models. */
let renderThread: RenderThread | undefined;

/**
 * Opens the library for one kind of device; engines in one process share it. Never falls back to another: throws the
 * library's error.
 */
export async function openLibrary({ backend, threads, log }: OpenLibraryOptions): Promise<Library> {
  const { GgufFileType } = await importLibrary();
  logs.push(log);
  const forget = (): void => void logs.splice(logs.indexOf(log), 1);
  try {
    const lease = await libraries.lease(`${backend} ${threads}`, {
      open: () => openLlama(backend, threads),
      close: (llama) => llama.dispose(),
    });
    const release = async (): Promise<void> => {
      forget();
      await lease.release();
    };
    return new Library(lease.value, GgufFileType, release);
  } catch (error) {
    forget();
    throw error;
  }
}

async function openLlama(backend: Backend, threads: number): Promise<Llama> {
  const { getLlama, LlamaLogLevel } = await importLibrary();
  const llama = await getLlama({
    gpu: GPU_KIND[backend],
    build: 'never',
    maxThreads: threads,
    ...NO_PADDING,
    logLevel: LlamaLogLevel.warn,
    logger: (_level, message) => logs.at(-1)?.(message.trimEnd()),
    progressLogs: false,
  });
  const opened: Backend = llama.gpu === false ? 'cpu' : llama.gpu;
  if (opened !== backend) {
    await llama.dispose();
    throw new Error(`the library opened ${opened} instead of ${backend}`);
  }
  return llama;
}

/**
 * The file of the library's package with the kernels for `backend`; the machine needs the libraries it links to.
 * Undefined if that package is not installed.
 */
export function kernelsPath(backend: Backend): string | undefined {
  if (backend === 'cpu' || backend === 'metal') return undefined;
  const target = `${process.platform}-${process.arch}-${backend}`;
  const file = `../../@node-llama-cpp/${target}/bins/${target}/libggml-${backend}.so`;
  const path = fileURLToPath(new URL(file, import.meta.resolve('node-llama-cpp')));
  return existsSync(path) ? path : undefined;
}

/** The native library that this process has opened; undefined where the system does not list it. */
function openedLibrary(): string | undefined {
  try {
    return / (\/.*llama-addon\.node)$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1];
  } catch {
    // Not Linux.
    return undefined;
  }
}

/** The metadata that decides how a model is used. */
export interface FileUse {
  readonly architecture: string;
  /** How token vectors are pooled; undefined if the file does not declare it. */
  readonly pooling: 'none' | 'mean' | 'cls' | 'last' | 'rank' | undefined;
  /** Each token attends only to earlier ones. False for encoders, whose input is decoded in one batch. */
  readonly isCausal: boolean;
  /** The model has the layer that scores a query with a document. */
  readonly hasRankHead: boolean;
  readonly trainedContextTokens: number | undefined;
}

function readUse(insights: GgufInsights): FileUse {
  const { metadata, architectureMetadata } = insights.ggufFileInfo;
  const { pooling_type: pooling, attention } = architectureMetadata;
  return {
    architecture: String(metadata.general.architecture),
    pooling: pooling === undefined ? undefined : POOLINGS[pooling],
    isCausal: attention?.causal ?? true,
    hasRankHead: insights.supportsRanking,
    trainedContextTokens: insights.trainContextSize,
  };
}

type FileTypes = typeof GgufFileType;

export class Library {
  readonly #llama: Llama;
  readonly #fileTypes: FileTypes;
  readonly #release: () => Promise<void>;
  readonly #models = new Set<LlamaModel>();
  #isDisposed = false;

  /** @param release - Called once, when the library is not used any more. */
  constructor(llama: Llama, fileTypes: FileTypes, release: () => Promise<void>) {
    this.#llama = llama;
    this.#fileTypes = fileTypes;
    this.#release = release;
  }

  async loadModel({
    path,
    gpuLayers,
    vocabOnly,
    loadMode,
    signal,
    onProgress,
  }: LoadModelOptions): Promise<Model> {
    const model = await this.#llama.loadModel({
      modelPath: path,
      gpuLayers: gpuLayers === 'all' ? 'max' : gpuLayers,
      ...NO_SECOND_JUDGE,
      vocabOnly,
      useMmap: loadMode === 'mmap',
      useDirectIo: loadMode === 'direct',
      loadSignal: signal,
      onLoadProgress: onProgress,
      defaultContextFlashAttention: 'auto',
    });
    this.#models.add(model);
    return new Model(this.#llama, model, { fileTypes: this.#fileTypes, library: this });
  }

  /** Reads the header of a file for estimates. @throws if it is invalid */
  async readHeader(path: string): Promise<ModelHeader> {
    const { GgmlType, GgufInsights, readGgufFileInfo } = await importLibrary();
    const info = await readGgufFileInfo(path, { sourceType: 'filesystem', logWarnings: false });
    const insights = await GgufInsights.from(info, this.#llama);
    return new ModelHeader(insights, { types: GgmlType, gpu: this.#llama.gpu });
  }

  /** The GPUs that the library uses; none on a CPU. */
  deviceNames(): Promise<readonly string[]> {
    return this.#llama.getGpuDeviceNames();
  }

  /** Bytes of all GPUs together; `shared` is the part that is memory of the host. */
  async deviceMemory(): Promise<{
    readonly total: number;
    readonly free: number;
    readonly shared: number;
  }> {
    const { total, free, unifiedSize } = await this.#llama.getVramState();
    return { total, free, shared: unifiedSize };
  }

  /** Frees the models that it loaded, and closes the library if no other engine uses it. Idempotent. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    for (const model of this.#models) await model.dispose();
    await this.#release();
  }
}

type GgmlTypes = typeof GgmlType;

/** A file whose weights are not loaded. Its memory is estimated by the library's dry run. */
export class ModelHeader {
  readonly #insights: GgufInsights;
  readonly #types: GgmlTypes;
  readonly #gpu: Llama['gpu'];

  constructor(insights: GgufInsights, { types, gpu }: { types: GgmlTypes; gpu: Llama['gpu'] }) {
    this.#insights = insights;
    this.#types = types;
    this.#gpu = gpu;
  }

  /** Includes the output layer. */
  get layers(): number {
    return this.#insights.totalLayers;
  }

  get trainedContextTokens(): number | undefined {
    return this.#insights.trainContextSize;
  }

  get use(): FileUse {
    return readUse(this.#insights);
  }

  async weights(gpuLayers: number): Promise<Memory> {
    const need = await this.#insights.estimateModelResourceRequirementsV2({ gpuLayers });
    return { ram: need.cpuRam, vram: need.gpuVram };
  }

  async context(size: ContextSize): Promise<Memory> {
    const type = this.#types[KV_TYPES[size.kvType]];
    const need = await this.#insights.estimateContextResourceRequirementsV2({
      contextSize: size.contextTokens,
      sequences: size.slots,
      batchSize: size.batchTokens,
      isEmbeddingContext: size.isPooled === true,
      modelGpuLayers: size.gpuLayers,
      flashAttention: flashAttention(this.#gpu, size),
      kvCacheKeyType: type,
      kvCacheValueType: type,
    });
    return { ram: need.cpuRam, vram: need.gpuVram };
  }
}

export class Model {
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #native: NativeModel;
  readonly #bindings: NativeBindings;
  readonly #fileTypes: FileTypes;
  readonly #library: Library;
  readonly vocabulary: Vocabulary;

  constructor(
    llama: Llama,
    model: LlamaModel,
    { fileTypes, library }: { readonly fileTypes: FileTypes; readonly library: Library },
  ) {
    this.#llama = llama;
    this.#model = model;
    this.#fileTypes = fileTypes;
    this.#library = library;
    this.#native = privateMember<NativeModel>(model, '_model');
    this.#bindings = privateMember<NativeBindings>(llama, '_bindings');
    const { tokens, token_type: types } = model.fileInfo.metadata.tokenizer.ggml;
    this.vocabulary = new Vocabulary(this.#native, { tokens, types });
  }

  get trainedContextTokens(): number {
    return this.#model.trainContextSize;
  }

  /** Size of the sliding window; undefined if the file declares none. */
  get windowTokens(): number | undefined {
    return this.#model.fileInsights.swaSize;
  }

  get layers(): number {
    return this.#model.fileInsights.totalLayers;
  }

  get use(): FileUse {
    return readUse(this.#model.fileInsights);
  }

  /** Whether there is state other than cells, so that a sequence cannot be cut: recurrent and hybrid models. */
  get hasRecurrentState(): boolean {
    const { isRecurrent, isHybrid } = this.#model.fileInsights;
    return isRecurrent || isHybrid;
  }

  get embeddingSize(): number {
    return this.#model.embeddingVectorSize;
  }

  /** The names in the file's metadata; may be empty. */
  get names(): readonly string[] {
    const { name, basename } = this.#model.fileInfo.metadata.general;
    return [name, basename].filter((text) => text !== undefined);
  }

  /** The file's template for query and document; undefined if it has none. */
  get rerankTemplate(): string | undefined {
    return this.#model.fileInfo.metadata.tokenizer['chat_template.rerank'];
  }

  get gpuLayers(): number {
    return this.#model.gpuLayers;
  }

  /** For example `Q8_0`; undefined if the file does not declare it. */
  get quant(): string | undefined {
    const fileType = this.#model.fileInfo.metadata.general.file_type;
    const name = fileType === undefined ? undefined : this.#fileTypes[fileType];
    return name?.replace(/^(ALL|MOSTLY)_/, '');
  }

  get chatTemplate(): string | undefined {
    return this.#model.fileInfo.metadata.tokenizer.chat_template;
  }

  /** The sampling settings that the file recommends (`general.sampling.*`). */
  get recommendedSampling(): Readonly<Record<string, unknown>> {
    const general: Readonly<Record<string, unknown>> = this.#model.fileInfo.metadata.general;
    const sampling = general['sampling'];
    return typeof sampling === 'object' && sampling !== null ? { ...sampling } : {};
  }

  get bosText(): string {
    return this.#model.tokens.bosString ?? '';
  }

  get eosText(): string {
    return this.#model.tokens.eosString ?? '';
  }

  get weightsBytes(): number {
    return this.#model.size;
  }

  memory(): Memory {
    return this.#model.memoryUsage;
  }

  createSampler(config: SamplerConfig): NativeSampler {
    const sampler = new this.#bindings.AddonSampler(this.#native);
    sampler.applyConfig(config.seed === RANDOM_SEED ? { ...config, seed: 0 } : config);
    return sampler;
  }

  /** One state serves one sequence. @throws if the GBNF is invalid */
  createGrammarState(gbnf: string): NativeGrammarState {
    const grammar = new this.#bindings.AddonGrammar(gbnf, {
      addonExports: this.#bindings,
      rootRuleName: 'root',
    });
    return new this.#bindings.AddonGrammarEvaluationState(this.#native, grammar);
  }

  /** Advances a grammar by a token that was not sampled. @throws if the grammar does not allow it. */
  acceptToken(token: Token, grammar: NativeGrammarState): void {
    this.#bindings.AddonSampler.acceptGrammarEvaluationStateToken(grammar, token);
  }

  /** @throws if the template does not compile */
  compileTemplate(template: string): (variables: Record<string, unknown>) => string {
    const renderer = new this.#bindings.AddonJinjaRenderer(template);
    return (variables) => renderer.render(variables);
  }

  /**
   * Renders the template in another thread, where a large conversation does not hold up this one. Undefined where the
   * library cannot be opened a second time.
   */
  compileTemplateApart(
    template: string,
  ): ((variables: Readonly<Record<string, unknown>>) => Promise<string>) | undefined {
    const library = openedLibrary();
    if (library === undefined) return undefined;
    const thread = (renderThread ??= new RenderThread(library));
    return (variables) => thread.render(template, variables);
  }

  async createContext(options: CreateContextOptions): Promise<Context> {
    const context = await this.#model.createContext({
      ...NO_SECOND_JUDGE,
      sequences: options.slots,
      contextSize: options.contextTokens,
      batchSize: options.batchTokens,
      threads: options.threads,
      flashAttention: flashAttention(this.#llama.gpu, options),
      failedCreationRemedy: false,
      experimentalKvCacheKeyType: KV_TYPES[options.kvType],
      experimentalKvCacheValueType: KV_TYPES[options.kvType],
      ...(options.lora !== undefined &&
        options.lora.length > 0 && {
          lora: { adapters: options.lora.map(({ path, scale }) => ({ filePath: path, scale })) },
        }),
      ...(options.pooled !== undefined && {
        _embeddings: true,
        _ranking: options.pooled === 'rerank',
      }),
    });
    return new Context(context, this.#bindings);
  }

  /** The GPUs that the library uses; none on a CPU. */
  deviceNames(): Promise<readonly string[]> {
    return this.#llama.getGpuDeviceNames();
  }

  /** Frees the weights. The library stays open for the other models it loaded. */
  async disposeWeights(): Promise<void> {
    await this.#model.dispose();
  }

  /** Frees the weights, and those of the other models that its library loaded. */
  dispose(): Promise<void> {
    return this.#library.dispose();
  }
}

export class Context {
  readonly native: NativeContext;
  readonly #context: LlamaContext;
  readonly #bindings: NativeBindings;

  constructor(context: LlamaContext, bindings: NativeBindings) {
    this.#context = context;
    this.#bindings = bindings;
    this.native = privateMember<NativeContext>(context, '_ctx');
  }

  memory(): Memory {
    return this.#context.memoryUsage;
  }

  createCheckpoint(): NativeCheckpoint {
    return new this.#bindings.AddonContextSequenceCheckpoint();
  }

  dispose(): Promise<void> {
    return this.#context.dispose();
  }
}

/**
 * Whether attention runs as one fused kernel; `auto`: if the device has one.
 *
 * Off on a CPU if texts must not depend on their batch: its kernel for 16-bit cells sums 64 or more tokens of a prompt
 * in 32 bits and fewer in 16, so a text would depend on the chunks of its prompt and on the rest of the batch.
 * Quantised cells require the fused kernel, which sums them all alike.
 */
const flashAttention = (
  gpu: Llama['gpu'],
  { kvType, isBatchInvariant }: Pick<ContextSize, 'kvType' | 'isBatchInvariant'>,
): 'auto' | false => (gpu === false && kvType === 'f16' && isBatchInvariant ? false : 'auto');

/** A cast, because the package does not declare these types. The binding test verifies the members. */
function privateMember<T>(owner: object, name: string): T {
  const member: unknown = Reflect.get(owner, name);
  if (typeof member !== 'object' || member === null) {
    throw new Error(
      `node-llama-cpp ${LIBRARY_VERSION} expected: the private member ${name} is missing`,
    );
  }
  return member as T;
}
