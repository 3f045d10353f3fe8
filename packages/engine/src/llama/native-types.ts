/**
 * Types of the private members of node-llama-cpp that the engine calls.
 *
 * `binding.ts` accesses them; `test/llama-binding.test.ts` pins them to the exact version.
 */

export type Token = number;

/**
 * A sampler chain of one sequence. Call `applyConfig` again only with changed settings, because it resets their state.
 */
export interface NativeSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

export interface SamplerConfig {
  /** 0: greedy. */
  readonly temperature: number;
  /** Absent: all tokens. (0 means the same to the library, but sorts the whole vocabulary for every token.) */
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

/** Result of `sampleToken` with logits: token, –, –, [token, logit, …], sum of exp(logit − max). */
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
  /** False if the cells cannot be cut there (sliding windows, recurrent state). */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  disposeSequence(sequence: number): void;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
  /** -1 if the sequence is empty; above 0 if a sliding window has dropped cells. */
  getSequenceKvCacheMinPosition(sequence: number): number;
  /** Bytes. */
  getMemoryBreakdown(): { cpuRam: number; gpuVram: number };
  /** Writes the cells of a sequence with `tokens`. Returns the number of bytes. */
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  /** Returns the tokens written with the cells. Rejects if the file is invalid or of another model. */
  loadSequenceStateFromFile(
    path: string,
    sequence: number,
    maxTokens: number,
  ): Promise<Uint32Array>;
  /** False if the checkpoint does not fit. The caller has to cut the cells after its end. */
  restoreCheckpoint(
    checkpoint: NativeCheckpoint,
    maxPosition: number,
    sequence: number,
  ): Promise<boolean>;
  /** The pooled vector of sequence 0 in the last decoded batch; `maxSize` 0: all of it. */
  getEmbedding(inputTokens: number, maxSize: number): Float64Array;
  /** @throws if the draft model has another vocabulary. */
  ensureDraftContextIsCompatibleForSpeculative(draft: NativeContext): void;
}

/** The state of a sequence that cuts cannot restore: recurrent state, cells within a sliding window. */
export interface NativeCheckpoint {
  init(context: NativeContext, sequence: number): Promise<void>;
  dispose(): void;
  /** Bytes. */
  readonly size: number;
  /** -1 if the sequence was empty. */
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
  /** -1 if there is none. */
  sepToken(): Token;
  /** The tokens around the gap that a model fills; -1 if there is none. */
  prefixToken(): Token;
  suffixToken(): Token;
  middleToken(): Token;
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
