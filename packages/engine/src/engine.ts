/**
 * The Engine interface: one loaded model that answers requests.
 *
 * Every implementation passes `conformance/`; requests and events are plain JSON values, because the same
 * interface runs in the daemon (`isolation = "none"`) and behind the engine protocol in a child process.
 */
import type { ErrorCode, ModelSettings } from '@cortex/protocol';

/** The kernels that run the model. An engine never falls back to another kind by itself. */
export type Backend = 'cpu' | 'cuda' | 'vulkan' | 'metal';

/** What to load. Where a member is absent, the engine decides and reports its choice in `LoadedModel`. */
export interface EngineLoadSpec {
  readonly modelId: string;
  /** Absolute path of the (first) GGUF file. */
  readonly modelPath: string;
  readonly backend: Backend;
  /** Tokens per slot. `auto`: the model's own maximum up to 8,192. */
  readonly contextLength: NonNullable<ModelSettings['contextLength']>;
  /** Requests that generate at the same time. `auto`: 4. */
  readonly slots: NonNullable<ModelSettings['slots']>;
  readonly gpuLayers: NonNullable<ModelSettings['gpuLayers']>;
  readonly kvType: NonNullable<ModelSettings['kvType']>;
  /** Threads of the CPU kernels; set explicitly, the library's own default oversubscribes small machines. */
  readonly threads: number;
  /** The most prompt tokens decoded in one step, so that running streams keep their pace. */
  readonly prefillChunkTokens: number;
  /**
   * At temperature 0 the same text whatever else is in the batch, as far as the kernels allow, at the cost of speed; else
   * the fastest kernels.
   */
  readonly isBatchInvariant: boolean;
  /** RAM for conversations that lost their slot, MiB. */
  readonly promptCacheMib: number;
  /** Sampling defaults for requests that name none (`params` of the catalogue). */
  readonly params: Readonly<Record<string, unknown>>;
  /** Only tokenizer and template: no weights, no context, no `generate`. */
  readonly vocabOnly: boolean;
  /** LoRA adapters applied to the weights. */
  readonly lora: readonly LoraAdapter[];
  /** Speculative decoding; absent: none. */
  readonly draft?: DraftSource | undefined;
  /** Folder where an earlier `close` saved slots. Those that match the file and the settings are restored. */
  readonly restoreDir?: string | undefined;
}

export interface LoraAdapter {
  /** Absolute path of the adapter's GGUF file. */
  readonly path: string;
  /** 1: as trained. */
  readonly scale: number;
}

/** What drafts the tokens that the model then verifies several at a time. */
export type DraftSource =
  /** Repetitions of text in the prompt and the answer. */
  | { readonly kind: 'lookup' }
  /** A smaller model of the same vocabulary; absolute path of its GGUF file. */
  | { readonly kind: 'model'; readonly modelPath: string };

export interface LoadProgress {
  readonly phase: 'starting' | 'weights' | 'context' | 'ready';
  /** 0 to 1 over the whole load. */
  readonly ratio: number;
}

/** What an engine can do with its model. The conformance suite runs the section of each claimed capability. */
export type EngineCapability =
  | 'chat'
  | 'completions'
  | 'tools'
  | 'reasoning'
  | 'embedding'
  | 'rerank'
  | 'tokenizer'
  /** Answers `n` > 1; without it such a request is `unsupported_parameter` on `n`. */
  | 'choices'
  /** `logprobs` and `top_logprobs`; without it `unsupported_parameter`. */
  | 'logprobs'
  /** `response_format` json_object and json_schema; without it `unsupported_parameter`. */
  | 'structured'
  /** `estimate` before a load, and `devices`. */
  | 'estimate'
  /** A conversation that lost its slot keeps its prefix in RAM (`promptCacheMib`). */
  | 'prompt_cache'
  /** Slots saved by `close` and taken back by a load (`saveDir`, `restoreDir`). */
  | 'state'
  /** `draft`; without it a load that asks for one fails. */
  | 'speculation'
  /** `lora`; without it a load that asks for one fails. */
  | 'lora';

export interface LoadedModel {
  readonly capabilities: readonly EngineCapability[];
  readonly limits: {
    /** Tokens per slot, prompt and answer together; what is enforced. */
    readonly contextTokens: number;
    readonly slots: number;
    /** The context that the model was trained for. */
    readonly trainedContextTokens: number;
  };
  readonly memory: { readonly ramMib: number; readonly vramMib: number };
  readonly backend: Backend;
  /** `31/48`: layers on the device / all layers. */
  readonly gpuLayers: string;
  readonly quant?: string | undefined;
}

export type GenerateRoute = 'chat' | 'completions';

export interface GenerateRequest {
  readonly id: string;
  readonly route: GenerateRoute;
  /** The caller's OpenAI body, parsed. The engine validates it and answers `error` with `param` where it is wrong. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The principal of the request. The engine serves principals round-robin. */
  readonly principal: string;
  readonly requestId: string;
  /** Sampling defaults of the alias in the request. `body` overrides them; they override the `params` of the model. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

export interface ToolCallDelta {
  /** Position of the call within the answer. */
  readonly index: number;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  /** A further piece of the JSON text of the arguments. */
  readonly arguments?: string | undefined;
}

export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
  readonly top?: readonly {
    readonly token: string;
    readonly logprob: number;
    readonly bytes: readonly number[];
  }[];
}

/** What one step produced for one request. */
export interface StepItem {
  /** Which of the `n` choices; absent means 0. */
  readonly index?: number | undefined;
  readonly text?: string | undefined;
  readonly reasoning?: string | undefined;
  readonly tool?: ToolCallDelta | undefined;
  readonly logprobs?: readonly TokenLogprob[] | undefined;
}

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'cancelled';

export interface EngineUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens taken from the prefix cache; part of `promptTokens`. */
  readonly cachedTokens: number;
  /** Part of `completionTokens`. */
  readonly reasoningTokens: number;
}

/** Milliseconds of one request on the engine's clock. */
export interface EngineTimings {
  readonly queueMs: number;
  readonly promptMs: number;
  /** From arrival to the first token; absent when there was none. */
  readonly firstTokenMs?: number | undefined;
  readonly decodeMs: number;
}

export type EngineEvent =
  /**
   * The request is rendered, fits, and has its place in the queue. Always the first event of a request that is not
   * refused.
   */
  | { readonly type: 'accepted'; readonly promptTokens: number }
  | {
      readonly type: 'items';
      readonly items: readonly StepItem[];
      /** Duration of the step, ms; absent where the engine does not report it. */
      readonly stepMs?: number | undefined;
    }
  /** Last event. One `finish` per choice, in order of index. */
  | {
      readonly type: 'done';
      readonly finish: readonly {
        readonly reason: FinishReason;
        readonly matchedStop?: string | undefined;
      }[];
      readonly usage: EngineUsage;
      readonly timings: EngineTimings;
    }
  /** Last event: the request was refused before, or failed after, `accepted`. */
  | {
      readonly type: 'error';
      readonly code: ErrorCode;
      readonly message: string;
      readonly param?: string | undefined;
    };

export interface EngineStats {
  readonly queueDepth: number;
  readonly slots: number;
  readonly busySlots: number;
  /** Slots that have work and credit. When there are some but no step happens, the engine is wedged. */
  readonly runnableSlots: number;
  /** Milliseconds since the last step ended; absent before the first. */
  readonly lastStepAgeMs?: number | undefined;
  readonly longestStepMs: number;
  /** Steps since the load, by number of sequences in the batch. */
  readonly batchSizes: Readonly<Record<string, number>>;
  /** Moving averages, tokens per second; absent until measured. */
  readonly tokSPrefill?: number | undefined;
  readonly tokSDecode?: number | undefined;
  /** Tokens drafted by speculative decoding, and how many of them the model accepted; absent without it. */
  readonly draftedTokens?: number | undefined;
  readonly acceptedTokens?: number | undefined;
  /** Why speculative decoding stopped. */
  readonly draftError?: string | undefined;
  /** Saved conversations that lost their slot; absent where the engine keeps none. */
  readonly promptCache?: PromptCacheStats | undefined;
  readonly kvCellsUsed: number;
  readonly kvCellsTotal: number;
  /** Resident memory of the process that holds the model, MiB. */
  readonly rssMib: number;
}

export interface PromptCacheStats {
  readonly entries: number;
  /** In RAM. */
  readonly bytes: number;
  /** Prompts since the load that started with saved cells. */
  readonly hits: number;
}

export interface EmbedRequest {
  /** Texts, or lists of tokens, which the engine uses unchanged. */
  readonly inputs: readonly (string | readonly number[])[];
  /** Length of the vectors; absent: the model's own. */
  readonly dimensions?: number | undefined;
  /** The principal of the request; principals take turns. All requests without one share a turn. */
  readonly principal?: string | undefined;
}

export interface Embeddings {
  /** L2-normalised, in the order of the inputs. */
  readonly vectors: readonly (readonly number[])[];
  readonly promptTokens: number;
}

export interface RerankRequest {
  readonly query: string;
  readonly documents: readonly string[];
  /** As in `EmbedRequest`. */
  readonly principal?: string | undefined;
}

export interface RerankScores {
  /** 0 to 1, in the order of the documents. */
  readonly scores: readonly number[];
  readonly promptTokens: number;
}

export interface EngineDevice {
  readonly name: string;
  readonly backend: Backend;
  readonly totalMib?: number | undefined;
}

/** Memory that a load may take, MiB. An absent member means no limit. */
export interface MemoryBudget {
  readonly vramMib?: number | undefined;
  readonly ramMib?: number | undefined;
}

/** Memory of a load, estimated without loading: weights, KV cells and compute buffers. */
export interface MemoryEstimate {
  readonly vramMib: number;
  readonly ramMib: number;
  readonly kvMibPer1kTokens: number;
  /** The settings of the spec, `auto` resolved within the budget. */
  readonly contextTokens: number;
  readonly slots: number;
  readonly gpuLayers: number;
  /** Number of layers of the model, including the output layer. */
  readonly layers: number;
  /** Whether the estimate is within the budget. */
  readonly fits: boolean;
  /** Largest context of a single slot within the budget, at most what the model was trained for; 0: none. */
  readonly contextMax: number;
  /** Slots of `contextTokens` within the budget, at most 8; 0: none. */
  readonly slotsMax: number;
}

export interface CloseOptions {
  /**
   * Absolute path of a folder that takes the state of the slots, for a later load. An engine that cannot save
   * ignores it.
   */
  readonly saveDir?: string | undefined;
  /** MiB that may be written there, most recently used slots first. Absent: no limit. */
  readonly saveMaxMib?: number | undefined;
}

/**
 * One model, ready to answer. Calls that are not streams throw `CortexError`, its `code` one of the product's table.
 *
 * After `close`, `generate` answers with `error` `shutting_down`, and the other calls throw it.
 */
export interface Engine {
  readonly name: string;
  readonly version: string;
  /**
   * Loads the model; once per engine.
   *
   * @throws CortexError `model_load_failed` naming file and cause; `transient` where the cause may pass.
   */
  load(
    spec: EngineLoadSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel>;
  /**
   * Answers one request. First event `accepted` or `error`, exactly one `done` or `error` last, never a throw.
   *
   * Credit is implied by consumption: the engine runs at most 64 items ahead of the consumer, then pauses this
   * request's slots and no other's. Aborting `signal` ends within one step with `done`, reason `cancelled`; before
   * `accepted` that `done` is the only event. A consumer that returns early from the iterable cancels it too.
   */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent>;
  embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings>;
  rerank(request: RerankRequest, signal: AbortSignal): Promise<RerankScores>;
  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): Promise<readonly number[]>;
  detokenize(tokens: readonly number[]): Promise<string>;
  /** The bytes of each token: those of a character may be spread over several. */
  tokenBytes(tokens: readonly number[]): Promise<readonly (readonly number[])[]>;
  /** The rendered prompt of a chat body. */
  applyTemplate(body: Readonly<Record<string, unknown>>): Promise<string>;
  /** The tokens of the prompt of a chat body: in what the caller wrote, the text of a control token is text. */
  tokenizeChat(body: Readonly<Record<string, unknown>>): Promise<readonly number[]>;
  /** Exact prompt tokens of a chat body, tools and results included. */
  count(body: Readonly<Record<string, unknown>>): Promise<number>;
  /** Needs no load: reads the header of the file. @throws CortexError `model_load_failed` naming file and cause */
  estimate(spec: EngineLoadSpec, budget: MemoryBudget): Promise<MemoryEstimate>;
  /** The devices that the library sees with the backend of the load; before any, those of the CPU. */
  devices(): Promise<readonly EngineDevice[]>;
  stats(): Promise<EngineStats>;
  /** Lets running requests finish for `graceMs`, ends the rest with `shutting_down`, frees everything. Idempotent. */
  close(graceMs: number, options?: CloseOptions): Promise<void>;
}

/** An engine behind the engine protocol, in this process or another one. */
export interface EngineConnection extends Engine {
  /** Resolves, with a human-readable reason, when the engine has ended for any reason. Never rejects. */
  readonly ended: Promise<string>;
  /** The last `stats` that the engine sent (every second), and when, on the monotonic clock. */
  readonly lastStats: { readonly atMs: number; readonly stats: EngineStats } | undefined;
  /** When the last known step ended, on the monotonic clock; absent before the first. */
  readonly lastStepAtMs: number | undefined;
}

/** A running engine process as its owner sees it: an `Engine` plus the lifecycle of the process. */
export interface EngineProcess extends EngineConnection {
  readonly pid: number;
  /** Ends it now (SIGKILL); `cause` is the reason that `ended` gives. */
  kill(cause?: string): void;
  /**
   * Called with each line that the process writes to stdout or stderr from now on, and with the notes of the
   * transport.
   */
  onLog(listener: (line: string) => void): void;
  /** The last lines, oldest first, at most 500. */
  readonly logTail: readonly string[];
}
