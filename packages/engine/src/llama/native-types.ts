/**
 * The private side of node-llama-cpp as far as the product calls it, spelled out as types.
 *
 * `binding.ts` gets hold of it; `test/llama-binding.test.ts` pins it against the exact version.
 */

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
  /** Bytes. */
  getMemoryBreakdown(): { cpuRam: number; gpuVram: number };
  /** Writes the cells of a sequence, and `tokens` beside them. Bytes written. */
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  /** The tokens that were written beside the cells. Rejects where the file is broken or of another model. */
  loadSequenceStateFromFile(
    path: string,
    sequence: number,
    maxTokens: number,
  ): Promise<Uint32Array>;
  /** False where the checkpoint does not fit; what lies behind its end is the caller's to cut. */
  restoreCheckpoint(
    checkpoint: NativeCheckpoint,
    maxPosition: number,
    sequence: number,
  ): Promise<boolean>;
  /** Of sequence 0 in the batch decoded last, pooled as the model says; `maxSize` 0: whole. */
  getEmbedding(inputTokens: number, maxSize: number): Float64Array;
  /** @throws when the draft's vocabulary is not the same. */
  ensureDraftContextIsCompatibleForSpeculative(draft: NativeContext): void;
}

/** What of a sequence cannot be cut back to: recurrent state, cells within a sliding window. */
export interface NativeCheckpoint {
  init(context: NativeContext, sequence: number): Promise<void>;
  dispose(): void;
  /** Bytes. */
  readonly size: number;
  /** -1 where the sequence was empty. */
  readonly minPos: number;
  readonly maxPos: number;
}

export interface NativeModel {
  tokenize(text: string, parseSpecial: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, showSpecial: boolean): string;
  isEogToken(token: Token): boolean;
  tokenBos(): Token;
  getTokenString(token: Token): string;
  /** Bits of `llama_token_attr`. */
  getTokenAttributes(token: Token): number;
  /** A `llama_vocab_type`. */
  getVocabularyType(): number;
  shouldPrependBosToken(): boolean;
  shouldAppendEosToken(): boolean;
  tokenEos(): Token;
  /** -1 where there is none. */
  sepToken(): Token;
}

export interface NativeBindings {
  readonly AddonSampler: (new (model: NativeModel) => NativeSampler) & {
    acceptGrammarEvaluationStateToken(grammar: NativeGrammarState, token: Token): void;
  };
  readonly AddonContextSequenceCheckpoint: new () => NativeCheckpoint;
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
