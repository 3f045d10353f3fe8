/**
 * The one file that knows node-llama-cpp.
 *
 * The product drives the library's private low-level binding with a scheduler of its own (docs/decisions); the calls
 * used are spelled out in `native-types.ts` and pinned by `test/llama-binding.test.ts` against the exact version.
 */
import type {
  GgmlType,
  GgufFileType,
  GgufInsights,
  Llama,
  LlamaContext,
  LlamaModel,
} from 'node-llama-cpp';

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Backend, LoraAdapter } from '../engine.ts';
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
import { joinTokens } from './request/join-tokens.ts';
import { type CutVocabulary, PIECE_CHARS, TextPieces } from './request/text-pieces.ts';
import { readSpelling, type Spelling, spellsCharacters } from './request/token-bytes.ts';
import { textOfBytes } from './request/token-text.ts';

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
  readonly lora?: readonly LoraAdapter[];
  /** Gives embeddings or rank scores instead of logits. */
  readonly pooled?: 'embedding' | 'rerank';
}

/** What a context costs beside the weights, by what decides it. */
export interface ContextSize {
  readonly slots: number;
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly kvType: 'f16' | 'q8_0' | 'q4_0';
  readonly gpuLayers: number;
  /** Gives embeddings or rank scores instead of logits. */
  readonly isPooled?: boolean;
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

/** `llama_token_type`: unknown, control, user defined. */
const SPECIAL_TYPES: ReadonlySet<number> = new Set([2, 3, 4]);

/** Bits of `llama_token_attr`; tokens of unknown kind are silent as control tokens are. */
const CONTROL = 0b1001;
const USER_DEFINED = 0b1_0000;
const BYTE = 0b10_0000;

/** Of `llama_vocab_type`. */
const MERGED_PAIRS = 2;
const RWKV = 5;

/** What the library takes for "any seed": -1 of a request would never repeat. */
const RANDOM_SEED = 0xffffffff;

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

/** What of a file tells how its model is to be used. */
export interface FileUse {
  readonly architecture: string;
  /** How token vectors become one; undefined where the file does not say. */
  readonly pooling: 'none' | 'mean' | 'cls' | 'last' | 'rank' | undefined;
  /** Every token sees only those before it; false for encoders, whose input is decoded in one batch. */
  readonly isCausal: boolean;
  /** There is the layer that makes a score of a query with a document. */
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
      // On the CPU weights are repacked for its vector units: a mapped file would stay in memory beside the copy.
      useMmap: this.#llama.gpu !== false,
      loadSignal: signal,
      onLoadProgress: onProgress,
      defaultContextFlashAttention: 'auto',
    });
    return new Model(this.#llama, model, this.#fileTypes);
  }

  /** Reads the header of a file, for estimates. @throws when it is broken */
  async readHeader(path: string): Promise<ModelHeader> {
    const { GgmlType, GgufInsights, readGgufFileInfo } = await importLibrary();
    const info = await readGgufFileInfo(path, { sourceType: 'filesystem', logWarnings: false });
    const insights = await GgufInsights.from(info, this.#llama);
    return new ModelHeader(insights, { types: GgmlType, gpu: this.#llama.gpu });
  }

  /** The GPUs that the library sees; none on the CPU. */
  deviceNames(): Promise<readonly string[]> {
    return this.#llama.getGpuDeviceNames();
  }

  dispose(): Promise<void> {
    return this.#llama.dispose();
  }
}

type GgmlTypes = typeof GgmlType;

/** A file whose weights are not loaded: what it would cost, by the library's own dry run. */
export class ModelHeader {
  readonly #insights: GgufInsights;
  readonly #types: GgmlTypes;
  readonly #gpu: Llama['gpu'];

  constructor(insights: GgufInsights, { types, gpu }: { types: GgmlTypes; gpu: Llama['gpu'] }) {
    this.#insights = insights;
    this.#types = types;
    this.#gpu = gpu;
  }

  /** The output layer included. */
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
      flashAttention: flashAttention(this.#gpu, size.kvType),
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
  #pieces: TextPieces | undefined;
  #spelled: Spelling | undefined;
  #hidesFirstSpace: boolean | undefined;

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

  get use(): FileUse {
    return readUse(this.#model.fileInsights);
  }

  /** State that is no cells, so that a sequence cannot be cut: recurrent and hybrid models. */
  get hasRecurrentState(): boolean {
    const { isRecurrent, isHybrid } = this.#model.fileInsights;
    return isRecurrent || isHybrid;
  }

  get embeddingSize(): number {
    return this.#model.embeddingVectorSize;
  }

  /** Under which the file calls itself; empty where it does not. */
  get names(): readonly string[] {
    const { name, basename } = this.#model.fileInfo.metadata.general;
    return [name, basename].filter((text) => text !== undefined);
  }

  /** How the file wants query and document put together for ranking; undefined where it does not say. */
  get rerankTemplate(): string | undefined {
    return this.#model.fileInfo.metadata.tokenizer['chat_template.rerank'];
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

  /** The token to put behind an input, or undefined where the model wants none. */
  get eosToken(): Token | undefined {
    return this.#native.shouldAppendEosToken() ? this.#native.tokenEos() : undefined;
  }

  /** The token between two texts; undefined where the vocabulary has none. */
  get separatorToken(): Token | undefined {
    const token = this.#native.sepToken();
    return token < 0 ? undefined : token;
  }

  /** The vocabulary of BERT, whose texts lie between `[CLS]` and `[SEP]`. */
  get isWordPiece(): boolean {
    return this.#model.fileInfo.metadata.tokenizer.ggml.model === 'bert';
  }

  /** UTF-8 bytes of the longest token: no token covers more of a text. */
  get longestTokenBytes(): number {
    const { tokens } = this.#model.fileInfo.metadata.tokenizer.ggml;
    return tokens.reduce((longest, text) => Math.max(longest, Buffer.byteLength(text)), 1);
  }

  get vocabularySize(): number {
    return this.#model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  }

  get weightsBytes(): number {
    return this.#model.size;
  }

  memory(): Memory {
    return this.#model.memoryUsage;
  }

  /**
   * `text` in parts that have its tokens one by one, for a pause between them; whole where
   * words are merged across everything.
   */
  piecesOf(text: string): Iterable<string> {
    if (text.length <= PIECE_CHARS || this.#spelling !== 'bytes') return [text];
    this.#pieces ??= new TextPieces(this.cutVocabulary);
    return this.#pieces.of(text);
  }

  /** What the vocabulary says of where texts can be cut; for a byte-level one. */
  get cutVocabulary(): CutVocabulary {
    const { tokens, token_type: types } = this.#model.fileInfo.metadata.tokenizer.ggml;
    const isSpecial = (token: Token): boolean => SPECIAL_TYPES.has(types?.[token] ?? 1);
    return {
      ordinary: tokens.filter((_, token) => !isSpecial(token)),
      special: tokens.filter((text, token) => text !== '' && isSpecial(token)),
    };
  }

  tokenize(text: string, options: { readonly parseSpecial: boolean }): Uint32Array {
    return joinTokens(
      Array.from(this.piecesOf(text), (piece) =>
        this.#native.tokenize(piece, options.parseSpecial),
      ),
    );
  }

  /** The text of `tokens`, control tokens spelled out. */
  detokenize(tokens: readonly Token[]): string {
    // Which spaces stood in a text is lost in this vocabulary; the library's guess is what its models are used with.
    if (this.isWordPiece) return this.#native.detokenize(Uint32Array.from(tokens), true);
    const text = textOfBytes(Buffer.concat(tokens.map((token) => this.bytesOf(token))));
    return this.hidesFirstSpace && text.startsWith(' ') ? text.slice(1) : text;
  }

  /** The bytes that `token` stands for, which may be a part of a character; of a control token its name. */
  bytesOf(token: Token): Uint8Array {
    const attributes = this.#native.getTokenAttributes(token);
    return readSpelling(this.#native.getTokenString(token), this.#spelling, {
      isAdded: (attributes & (CONTROL | USER_DEFINED)) !== 0,
      isByte: (attributes & BYTE) !== 0,
    });
  }

  /** Written by the model for its own ends: no part of a text. */
  isControl(token: Token): boolean {
    return (this.#native.getTokenAttributes(token) & CONTROL) !== 0;
  }

  /** The vocabulary puts a space before the first word of a text (SentencePiece, where the file does not say otherwise). */
  get hidesFirstSpace(): boolean {
    if (this.#hidesFirstSpace !== undefined) return this.#hidesFirstSpace;
    const { tokens } = this.#model.fileInfo.metadata.tokenizer.ggml;
    const word = tokens.findIndex((text) => /^\u2581\p{L}/u.test(text));
    const isHidden =
      word >= 0 && !this.#native.detokenize(Uint32Array.of(word), false).startsWith(' ');
    this.#hidesFirstSpace = isHidden;
    return isHidden;
  }

  get #spelling(): Spelling {
    this.#spelled ??= this.#readSpelling();
    return this.#spelled;
  }

  #readSpelling(): Spelling {
    const type = this.#native.getVocabularyType();
    if (type === RWKV) return 'escapes';
    const { tokens } = this.#model.fileInfo.metadata.tokenizer.ggml;
    return type === MERGED_PAIRS && !spellsCharacters(tokens) ? 'bytes' : 'characters';
  }

  isEndOfGeneration(token: Token): boolean {
    return this.#native.isEogToken(token);
  }

  createSampler(config: SamplerConfig): NativeSampler {
    const sampler = new this.#bindings.AddonSampler(this.#native);
    sampler.applyConfig(config.seed === RANDOM_SEED ? { ...config, seed: 0 } : config);
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
      flashAttention: flashAttention(this.#llama.gpu, options.kvType),
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

  /** The GPUs that the library sees; none on the CPU. */
  deviceNames(): Promise<readonly string[]> {
    return this.#llama.getGpuDeviceNames();
  }

  /** Frees the weights; the library stays open for the other models it loaded. */
  async disposeWeights(): Promise<void> {
    await this.#model.dispose();
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
    await this.#llama.dispose();
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
 * Whether attention runs as one fused kernel; `auto`: where the device has one.
 *
 * Not on a CPU: its kernel for 16-bit cells reads 64 or more tokens of a prompt in 32-bit sums and fewer in 16-bit ones,
 * so that a text would depend on how its prompt was cut and on what else was in the batch. At temperature 0 a fifth of
 * the answers of a 135M model did. Quantised cells exist only with the fused kernel, which has one way for them.
 */
const flashAttention = (gpu: Llama['gpu'], kvType: keyof typeof KV_TYPES): 'auto' | false =>
  gpu === false && kvType === 'f16' ? false : 'auto';

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
