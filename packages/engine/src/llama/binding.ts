/**
 * The one file that knows node-llama-cpp.
 *
 * The product drives the library's private low-level binding with a scheduler of its own (docs/decisions), so the
 * calls used are spelled out here as types and pinned by `test/llama-binding.test.ts` against the exact version.
 */
import type { GgufFileType, Llama, LlamaContext, LlamaModel } from 'node-llama-cpp';

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Backend } from '../engine.ts';

export type Token = number;

/** A sampler chain of one sequence. `applyConfig` again only with what changed, or its state starts anew. */
export interface NativeSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

export interface SamplerConfig {
  /** 0: greedy. */
  readonly temperature: number;
  /** Absent: all tokens. (0 means that to the library too, but makes it sort the whole vocabulary for every token.) */
  readonly topK?: number;
  readonly topP: number;
  readonly minP: number;
  /** 32 bits. */
  readonly seed: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyMaxTokens?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
  readonly grammarEvaluationState?: NativeGrammarState;
}

export interface NativeGrammarState {
  readonly __native: 'grammar state';
}

/** What `sampleToken` gives with logits: token, –, –, [token, logit, …], sum of exp(logit − max). */
export type SampledLogits = readonly [
  Token,
  unknown,
  unknown,
  readonly number[] | undefined,
  number | undefined,
];

/** The private context of the library: sequences of KV cells and one batch at a time. */
export interface NativeContext {
  initBatch(size: number): void;
  addToBatch(
    sequence: number,
    firstPosition: number,
    tokens: Uint32Array,
    logitIndexes: Uint32Array,
  ): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(logitIndex: number, sampler: NativeSampler): Promise<Token>;
  sampleToken(
    logitIndex: number,
    sampler: NativeSampler,
    probabilities: false,
    confidence: false,
    logits: readonly [
      tokens: readonly Token[],
      max: boolean,
      min: boolean,
      selected: boolean,
      top: number,
    ],
    totalLogitWeight: true,
  ): Promise<SampledLogits>;
  /** False where the cells cannot be cut there (sliding windows, recurrent state). */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  disposeSequence(sequence: number): void;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
  /** -1 where the sequence is empty; above 0 where a sliding window has moved on. */
  getSequenceKvCacheMinPosition(sequence: number): number;
  getMemoryBreakdown(): { cpuRam: number; gpuVram: number };
}

interface NativeModel {
  tokenize(text: string, parseSpecial: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, showSpecial: boolean): string;
  isEogToken(token: Token): boolean;
  tokenBos(): Token;
  getTokenString(token: Token): string;
  shouldPrependBosToken(): boolean;
}

interface NativeBindings {
  readonly AddonSampler: new (model: NativeModel) => NativeSampler;
  readonly AddonJinjaRenderer: new (template: string) => {
    render(variables: Record<string, unknown>): string;
  };
  readonly AddonGrammar: new (
    gbnf: string,
    options: { addonExports: unknown; rootRuleName: string },
  ) => object;
  readonly AddonGrammarEvaluationState: new (
    model: NativeModel,
    grammar: object,
  ) => NativeGrammarState;
}

export interface OpenLibraryOptions {
  readonly backend: Backend;
  readonly threads: number;
  readonly log: (line: string) => void;
}

export interface LoadModelOptions {
  readonly path: string;
  readonly gpuLayers: number | 'auto' | 'all';
  readonly vocabOnly: boolean;
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
}

const GPU_KIND: Readonly<Record<Backend, false | 'cuda' | 'vulkan' | 'metal'>> = {
  cpu: false,
  cuda: 'cuda',
  vulkan: 'vulkan',
  metal: 'metal',
};

const KV_TYPES = { f16: 'F16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const;

/** The version of the library this build is written against. */
export const LIBRARY_VERSION = '3.22.1';

/** The version of the library that is installed. */
export const installedVersion = async (): Promise<string> =>
  (await importLibrary()).getModuleVersion();

/** Imported when it is needed: a host that only routes goes without it, and an engine that starts can say so. */
const importLibrary = () => import('node-llama-cpp');

/** The library, opened for one kind of device. Never falls back to another: throws what the library says is missing. */
export async function openLibrary(options: OpenLibraryOptions): Promise<Library> {
  const { getLlama, GgufFileType, LlamaLogLevel } = await importLibrary();
  const llama = await getLlama({
    gpu: GPU_KIND[options.backend],
    build: 'never',
    maxThreads: options.threads,
    logLevel: LlamaLogLevel.warn,
    logger: (_level, message) => options.log(message.trimEnd()),
    progressLogs: false,
  });
  const opened: Backend = llama.gpu === false ? 'cpu' : llama.gpu;
  if (opened !== options.backend) {
    await llama.dispose();
    throw new Error(`asked for ${options.backend}, the library opened ${opened}`);
  }
  return new Library(llama, GgufFileType);
}

/**
 * The file of the library's own package that holds the kernels for `backend`: what it links to is what the machine needs.
 * Undefined where that package is not installed.
 */
export function kernelsPath(backend: Backend): string | undefined {
  if (backend === 'cpu' || backend === 'metal') return undefined;
  const target = `${process.platform}-${process.arch}-${backend}`;
  const file = `../../@node-llama-cpp/${target}/bins/${target}/libggml-${backend}.so`;
  const path = fileURLToPath(new URL(file, import.meta.resolve('node-llama-cpp')));
  return existsSync(path) ? path : undefined;
}

type FileTypes = typeof GgufFileType;

export class Library {
  readonly #llama: Llama;
  readonly #fileTypes: FileTypes;

  constructor(llama: Llama, fileTypes: FileTypes) {
    this.#llama = llama;
    this.#fileTypes = fileTypes;
  }

  async loadModel({
    path,
    gpuLayers,
    vocabOnly,
    signal,
    onProgress,
  }: LoadModelOptions): Promise<Model> {
    const model = await this.#llama.loadModel({
      modelPath: path,
      gpuLayers: gpuLayers === 'all' ? 'max' : gpuLayers,
      vocabOnly,
      loadSignal: signal,
      onLoadProgress: onProgress,
      defaultContextFlashAttention: 'auto',
    });
    return new Model(this.#llama, model, this.#fileTypes);
  }

  dispose(): Promise<void> {
    return this.#llama.dispose();
  }
}

export class Model {
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #native: NativeModel;
  readonly #bindings: NativeBindings;
  readonly #fileTypes: FileTypes;

  constructor(llama: Llama, model: LlamaModel, fileTypes: FileTypes) {
    this.#llama = llama;
    this.#model = model;
    this.#fileTypes = fileTypes;
    this.#native = privateMember<NativeModel>(model, '_model');
    this.#bindings = privateMember<NativeBindings>(llama, '_bindings');
  }

  get trainedContextTokens(): number {
    return this.#model.trainContextSize;
  }

  /** How far a sliding window reaches back; undefined where every token attends to all before it. */
  get windowTokens(): number | undefined {
    return this.#model.fileInsights.swaSize;
  }

  get layers(): number {
    return this.#model.fileInsights.totalLayers;
  }

  get gpuLayers(): number {
    return this.#model.gpuLayers;
  }

  /** As `Q8_0`, or undefined where the file does not say. */
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

  /** The token to put before a prompt, or undefined where the model wants none. */
  get bosToken(): Token | undefined {
    return this.#native.shouldPrependBosToken() ? this.#native.tokenBos() : undefined;
  }

  /** True where the text of a token depends on its neighbours (SentencePiece drops the first space). */
  get joinsTokens(): boolean {
    return this.#model.fileInfo.metadata.tokenizer.ggml.model !== 'gpt2';
  }

  get vocabularySize(): number {
    return this.#model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  }

  get weightsBytes(): number {
    return this.#model.size;
  }

  memory(): { ram: number; vram: number } {
    return this.#model.memoryUsage;
  }

  tokenize(text: string, options: { readonly parseSpecial: boolean }): Uint32Array {
    return this.#native.tokenize(text, options.parseSpecial);
  }

  detokenize(tokens: readonly Token[], options: { readonly showSpecial: boolean }): string {
    return this.#native.detokenize(Uint32Array.from(tokens), options.showSpecial);
  }

  /** The token as the vocabulary spells it. */
  pieceOf(token: Token): string {
    return this.#native.getTokenString(token);
  }

  isEndOfGeneration(token: Token): boolean {
    return this.#native.isEogToken(token);
  }

  createSampler(config: SamplerConfig): NativeSampler {
    const sampler = new this.#bindings.AddonSampler(this.#native);
    sampler.applyConfig(config);
    return sampler;
  }

  /** @throws when the GBNF is broken; one state serves one sequence. */
  createGrammarState(gbnf: string): NativeGrammarState {
    const grammar = new this.#bindings.AddonGrammar(gbnf, {
      addonExports: this.#bindings,
      rootRuleName: 'root',
    });
    return new this.#bindings.AddonGrammarEvaluationState(this.#native, grammar);
  }

  /** @throws when the template does not compile. */
  compileTemplate(template: string): (variables: Record<string, unknown>) => string {
    const renderer = new this.#bindings.AddonJinjaRenderer(template);
    return (variables) => renderer.render(variables);
  }

  async createContext(options: CreateContextOptions): Promise<Context> {
    const context = await this.#model.createContext({
      sequences: options.slots,
      contextSize: options.contextTokens,
      batchSize: options.batchTokens,
      threads: options.threads,
      flashAttention: 'auto',
      failedCreationRemedy: false,
      experimentalKvCacheKeyType: KV_TYPES[options.kvType],
      experimentalKvCacheValueType: KV_TYPES[options.kvType],
    });
    return new Context(context);
  }

  /** The GPUs that the library sees; none on the CPU. */
  deviceNames(): Promise<readonly string[]> {
    return this.#llama.getGpuDeviceNames();
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
    await this.#llama.dispose();
  }
}

export class Context {
  readonly native: NativeContext;
  readonly #context: LlamaContext;

  constructor(context: LlamaContext) {
    this.#context = context;
    this.native = privateMember<NativeContext>(context, '_ctx');
  }

  memory(): { ram: number; vram: number } {
    return this.#context.memoryUsage;
  }

  dispose(): Promise<void> {
    return this.#context.dispose();
  }
}

/** The cast that the binding's stripped types make necessary; the contract test holds what is behind it. */
function privateMember<T>(owner: object, name: string): T {
  const member: unknown = Reflect.get(owner, name);
  if (typeof member !== 'object' || member === null) {
    throw new Error(
      `node-llama-cpp ${LIBRARY_VERSION} expected: the private member ${name} is missing`,
    );
  }
  return member as T;
}
