/**
 * The seam between neuron and whatever runs a model.
 *
 * The lifecycle (`models/`) decides when a model is loaded and unloaded, admission decides who may ask; a harness
 * loads, serves and says how its models are. Every implementation passes `conformance/`.
 */
import type {
  DraftSource,
  EngineStats,
  LoraAdapter,
  MemoryBudget,
  MemoryEstimate,
} from '@cortex/engine';

import type { LoadSettings } from './load-settings.ts';

/** Routes whose requests are generated, one slot a choice; the path on neuron's own listener. */
export const GENERATE_ROUTES = ['/v1/chat/completions', '/v1/completions'] as const;
export type GenerateRoutePath = (typeof GENERATE_ROUTES)[number];

/** Routes that give vectors or scores. Like generation they take a seat. */
export const VECTOR_ROUTES = ['/v1/embeddings', '/v1/rerank'] as const;
export type VectorRoute = (typeof VECTOR_ROUTES)[number];

/** Routes that ask the tokenizer and the template. They take no seat, and need no loaded model. */
export const TOKENIZER_ROUTES = [
  '/tokenize',
  '/detokenize',
  '/apply-template',
  '/count-tokens',
] as const;
export type TokenizerRoute = (typeof TOKENIZER_ROUTES)[number];

/** Inference routes that a harness may be asked to serve. */
export type InferenceRoute = GenerateRoutePath | VectorRoute | TokenizerRoute;

/** A load whose files are found and whose devices are not chosen yet. */
export interface HarnessFiles {
  readonly modelId: string;
  /** Absolute path of the (first) file. */
  readonly modelPath: string;
  /** As `ModelFile.fingerprint`. */
  readonly fingerprint: string;
  readonly settings: LoadSettings;
  readonly lora: readonly LoraAdapter[];
  readonly draft?: DraftSource | undefined;
}

/** A load with everything decided. */
export interface HarnessLoadSpec extends HarnessFiles {
  readonly placement: Placement;
}

/** Where a model runs. */
export interface Placement {
  readonly backend: 'cpu' | 'cuda';
  /** Indexes as in `/discovery`; empty on the CPU. */
  readonly deviceIndexes: readonly number[];
  /** What the child sees of the GPUs (`CUDA_VISIBLE_DEVICES`); empty hides them all. */
  readonly visibleDevices: string;
  /** For people: what kept the load from a GPU that is here. */
  readonly warning?: string | undefined;
}

/** A model that the harness holds or is bringing back. */
export interface HarnessModel {
  readonly id: string;
  readonly state: 'loaded' | 'recovering' | 'failed';
  /** Why it does not serve; absent when it does. */
  readonly reason?: string | undefined;
  /** Whole seconds until a model that is recovering can be expected back. */
  readonly retryAfterS?: number | undefined;
  /** Changes with every new process or load of this model. */
  readonly incarnation: number;
  /** Words of `/models`: text, tools, reasoning, embedding, … */
  readonly capabilities: readonly string[];
  readonly slots: number;
  readonly contextTokens: number;
  readonly backend: string;
  readonly gpuLayers: string;
  readonly quant?: string | undefined;
  readonly vramMib: number;
  /** Weights, cells and buffers outside of GPUs, MiB. */
  readonly ramMib: number;
  /** Last known figures; absent until the engine sent some. */
  readonly stats?: EngineStats | undefined;
}

export interface HarnessHealth {
  readonly ok: boolean;
  readonly reason?: string | undefined;
  /** Loads and unloads since it started, for harnesses that do both inside one process. */
  readonly lifecycleCycles?: number | undefined;
  /** Of the engine it runs; absent until one has said it. */
  readonly version?: string | undefined;
}

/** How the work for one request ended. */
export interface WorkOutcome {
  /** `refused`: nothing was generated. */
  readonly kind: 'done' | 'cancelled' | 'failed' | 'refused';
  /** Milliseconds in a slot, where the harness measured them. */
  readonly busyMs?: number | undefined;
}

export interface HarnessRequest {
  /** The caller's JSON body, parsed. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The same body as it came. */
  readonly bytes: Uint8Array;
  readonly headers: Headers;
  readonly principal: string;
  readonly requestId: string;
  /** Sampling defaults of the alias that was asked for, where cortex sent any. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Called when the first piece of the answer exists: the request has left the queue. */
  readonly started: () => void;
  /**
   * Called exactly once, when no work is done for this request any more, whatever happened to the response:
   * finished, refused, client gone, engine dead. A seat is held until then and not longer.
   */
  readonly ended: (outcome: WorkOutcome) => void;
  /** Called when a streamed answer ends, before its body closes. Absent: nobody needs to know. */
  readonly answered?: (() => void) | undefined;
}

/** What a load would take, with what `auto` would be without a limit to the memory. */
export interface LoadEstimate extends MemoryEstimate {
  /** Tokens a slot. */
  readonly roomyContextTokens: number;
}

/** What was found out about a model file without loading it, or when it was loaded before. */
export interface ColdFacts {
  /** Words of `/models`; absent: not known. */
  readonly capabilities?: readonly string[] | undefined;
  /** Of the last load, or what an estimate made of `auto`. */
  readonly contextTokens?: number | undefined;
}

/** What a harness can say of models that are on disk and not loaded. */
export interface ColdModels {
  /** Cached answers about the file with this fingerprint; waits for nothing. */
  facts(fingerprint: string): ColdFacts | undefined;
  /**
   * What a load would take, `auto` resolved within `budget`; undefined where it cannot be said.
   *
   * @throws CortexError `unsupported_parameter`, `model_load_failed` naming file and cause
   */
  estimate(spec: HarnessLoadSpec, budget: MemoryBudget): Promise<LoadEstimate | undefined>;
  /** Like `estimate`, with `contextMax` and `slotsMax` within `budget`. */
  estimateLimits(spec: HarnessLoadSpec, budget: MemoryBudget): Promise<MemoryEstimate | undefined>;
  /** Looks into the file as a load would, its template too. @throws CortexError `model_load_failed` */
  inspect(files: HarnessFiles): Promise<ColdFacts>;
  /** Answers a tokenizer route. @throws CortexError what is wrong with the body or the file */
  serve(
    route: TokenizerRoute,
    files: HarnessFiles,
    body: Readonly<Record<string, unknown>>,
  ): Promise<Response>;
}

/** Progress of a load, 0 to 1. */
export type LoadProgressListener = (ratio: number) => void;

export interface Harness {
  readonly name: string;
  /** Absent where a model must be loaded before anything can be said of it. */
  readonly cold?: ColdModels | undefined;
  start?(): Promise<void>;
  /** Ends everything it runs; requests in flight may finish for `graceMs`. */
  stop?(graceMs: number): Promise<void>;
  /** Cached state, like `listModels`: neither waits for anything. */
  health(): HarnessHealth;
  listModels(): readonly HarnessModel[];
  /**
   * Loads a model. Aborting `signal` frees what the load took before this rejects.
   *
   * @throws CortexError `unsupported_parameter` naming a setting that this harness cannot do, `model_load_failed`
   */
  loadModel(
    spec: HarnessLoadSpec,
    progress: LoadProgressListener,
    signal: AbortSignal,
  ): Promise<HarnessModel>;
  /** Ends the model and frees its memory; requests in flight end with an error. Nothing happens for an unknown id. */
  unloadModel(id: string): Promise<void>;
  /**
   * Bytes of JSON that a request to generate, or for tokens, may have for a model with that context; larger ones are
   * refused before they are parsed. Absent: no limit but the daemon's own.
   */
  maxBodyBytes?(contextTokens: number): number;
  /**
   * Refuses a request that this model can never answer, because it is wrong or does not fit; asked only where it would
   * have to wait. Absent: that shows when its turn comes.
   */
  checkAnswerable?(
    route: GenerateRoutePath,
    modelId: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** Base URL where inference for the model is sent: neuron's own listener for every harness. */
  inferenceEndpoint(id: string): string | undefined;
  /**
   * The only inference entry. Aborting `signal` ends the work within one step.
   *
   * @throws CortexError a refusal or a failure before the answer began; after it began the failure is in the body
   */
  serve(
    route: InferenceRoute,
    modelId: string,
    request: HarnessRequest,
    signal: AbortSignal,
  ): Promise<Response>;
  restart?(): Promise<void>;
}
