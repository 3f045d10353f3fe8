import type { ModelSettings } from '@cortex/protocol';

/** The kernels that run the model. An engine never falls back to another kind by itself. */
export type Backend = 'cpu' | 'cuda' | 'vulkan' | 'metal';

/**
 * How a file is read: mapped into memory, so that other loads and other processes share its pages; read into memory; or
 * read without the page cache of the system.
 */
export type LoadMode = 'mmap' | 'read' | 'direct';

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
  /** Absent: the engine chooses. `direct` becomes `read` where the file system does not support it. */
  readonly loadMode?: LoadMode | undefined;
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
  /** `suffix` of a completion: the text behind a gap to fill; without it `unsupported_parameter`. */
  | 'insert'
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
  /** As the engine counts it: weights, KV cells and buffers. */
  readonly memory: { readonly ramMib: number; readonly vramMib: number };
  readonly backend: Backend;
  /** `31/48`: layers on the device / all layers. */
  readonly gpuLayers: string;
  readonly quant?: string | undefined;
  /** How the file was read; absent if the engine does not report it. */
  readonly loadMode?: LoadMode | undefined;
}
