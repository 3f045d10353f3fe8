/**
 * The interface between neuron and a model runtime.
 *
 * The lifecycle (`models/`) decides when a model is loaded and unloaded, admission decides which requests run; a
 * harness loads, serves and reports the state of its models. Every implementation passes `conformance/`.
 */
import type {
  DraftSource,
  EngineStats,
  LoraAdapter,
  MemoryBudget,
  MemoryEstimate,
} from '@cortex/engine';
import type { JsonView } from '@cortex/protocol';

import type { Placement } from '../devices/device.ts';
import type { PredictionLayers } from '../store/prediction-layers.ts';
import type { Listeners } from '../listeners.ts';
import type { LoadSettings } from './load-settings.ts';

/** Routes that generate text, one slot per choice; the path on neuron's own listener. */
export const GENERATE_ROUTES = ['/v1/chat/completions', '/v1/completions'] as const;
export type GenerateRoutePath = (typeof GENERATE_ROUTES)[number];

export const isGenerateRoute = (route: InferenceRoute): route is GenerateRoutePath =>
  GENERATE_ROUTES.some((known) => known === route);

/** Routes that return vectors or scores. They take a seat, as generation does. */
export const VECTOR_ROUTES = ['/v1/embeddings', '/v1/rerank'] as const;
export type VectorRoute = (typeof VECTOR_ROUTES)[number];

/** Routes for images and sound, which only external servers have. They take a seat. */
export const MEDIA_ROUTES = [
  '/v1/images/generations',
  '/v1/audio/transcriptions',
  '/v1/audio/translations',
  '/v1/audio/speech',
] as const;
export type MediaRoute = (typeof MEDIA_ROUTES)[number];

/** Routes whose requests take a seat. */
export type SeatedRoute = GenerateRoutePath | VectorRoute | MediaRoute;

/** Routes of the tokenizer and the template. They take no seat and need no loaded model. */
export const TOKENIZER_ROUTES = [
  '/tokenize',
  '/detokenize',
  '/apply-template',
  '/count-tokens',
] as const;
export type TokenizerRoute = (typeof TOKENIZER_ROUTES)[number];

/** Inference routes that a harness may be asked to serve. */
export type InferenceRoute = SeatedRoute | TokenizerRoute;

/** A model as a load call names it, before its files are found. */
export interface HarnessLoad {
  readonly modelId: string;
  readonly settings: LoadSettings;
}

/** A load with resolved files, before its devices are chosen. */
export interface HarnessFiles extends HarnessLoad {
  /** Absolute path of the (first) file. */
  readonly modelPath: string;
  /** As `ModelFile.fingerprint`. */
  readonly fingerprint: string;
  /** All parts of the model together. */
  readonly sizeBytes: number;
  readonly lora: readonly LoraAdapter[];
  readonly draft?: DraftSource | undefined;
  /** Present: the load drafts with these layers of the model (MTP). */
  readonly predictionLayers?: PredictionLayers | undefined;
  /** Absolute path of the vision projector; absent: there is none, or it is switched off. */
  readonly mmprojPath?: string | undefined;
}

/** A load with resolved files and devices. */
export interface HarnessLoadSpec extends HarnessFiles {
  readonly placement: Placement;
}

/** A load for a harness that finds the model by itself. */
export interface ForeignLoadSpec extends HarnessLoad {
  /** Absent if the harness manages its own memory. */
  readonly placement?: Placement | undefined;
}

/** A model that the harness has loaded or is recovering. */
export interface HarnessModel {
  readonly id: string;
  readonly state: 'loaded' | 'sleeping' | 'recovering' | 'failed';
  /** `sleepModel` can put it to sleep now; absent: it cannot. */
  readonly canSleep?: boolean | undefined;
  /** Why it does not serve; absent if it serves. */
  readonly reason?: string | undefined;
  /** Whole seconds until a recovering model is expected to serve again. */
  readonly retryAfterS?: number | undefined;
  /** Changes with every new process or load of this model. */
  readonly incarnation: number;
  /** As in `/models`: text, tools, reasoning, embedding, … */
  readonly capabilities: readonly string[];
  readonly slots: number;
  /** Of the request that runs, 0 to 1; absent if none runs or the server does not say. */
  readonly progress?: number | undefined;
  /** Tokens per slot; absent if the harness does not know. */
  readonly contextTokens?: number | undefined;
  readonly backend?: string | undefined;
  readonly gpuLayers?: string | undefined;
  readonly quant?: string | undefined;
  /** MiB, of a model that sleeps what it keeps; absent if the harness does not know. */
  readonly vramMib?: number | undefined;
  /** RAM that its processes used when the load ended, or when it fell asleep, MiB; absent if the harness does not know. */
  readonly ramMib?: number | undefined;
  /** Latest statistics; absent until the engine sends the first. */
  readonly stats?: EngineStats | undefined;
}

export interface HarnessHealth {
  readonly ok: boolean;
  readonly reason?: string | undefined;
  /** Loads and unloads since the start, for harnesses that do both inside one process. */
  readonly lifecycleCycles?: number | undefined;
  /** Version of the engine; absent until an engine has reported it. */
  readonly version?: string | undefined;
}

/** How the work for one request ended. */
export interface WorkOutcome {
  /** `refused`: nothing was generated. */
  readonly kind: 'done' | 'cancelled' | 'failed' | 'refused';
  /** Milliseconds in a slot, if the harness measured them. */
  readonly busyMs?: number | undefined;
}

export interface HarnessRequest {
  /**
   * The caller's JSON body, parsed; the text fields of a form. Of a large body for a harness that `forwardsBodies`:
   * `model`, `n`, `stream`, `stream_options` and the names of sampling defaults, where it has them; an object or an
   * array is `{}`.
   */
  readonly body: Readonly<Record<string, unknown>>;
  /** The bytes of the body as received. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the value of `model` is in `bytes`; absent if the body was parsed. */
  readonly modelRange?: JsonView['modelRange'];
  readonly headers: Headers;
  readonly principal: string;
  readonly requestId: string;
  /** Sampling defaults of the requested alias, if cortex sent any. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Called when the first part of the answer exists, so the request has left the queue. */
  readonly started: () => void;
  /**
   * Called exactly once, when all work for this request has ended: it finished, was refused, the client
   * disconnected or the engine died. The request holds its seat until then.
   */
  readonly ended: (outcome: WorkOutcome) => void;
  /** Called when a streamed answer ends, before its body closes. */
  readonly answered?: (() => void) | undefined;
}

/** The memory that a load needs, with `auto` resolved as if memory were unlimited. */
export interface LoadEstimate extends MemoryEstimate {
  /** Tokens per slot. */
  readonly roomyContextTokens: number;
}

/** A model that the server of a harness lists. */
export interface OfferedModel {
  /** The name that the server has for it, which is its id on this node. */
  readonly id: string;
  /** Tokens per slot; absent if the server does not say. */
  readonly contextTokens?: number | undefined;
}

/** The models that the server of a harness lists, loaded on this node or not. */
export interface Offers {
  /** As last read; waits for nothing. */
  readonly models: readonly OfferedModel[];
  /** Has its listeners called after every change of `models`. */
  readonly changes: Pick<Listeners, 'add'>;
}

/** Known facts about a model file, from an inspection or an earlier load. */
export interface ColdFacts {
  /** As in `/models`; absent if unknown. */
  readonly capabilities?: readonly string[] | undefined;
  /** From the last load, or from an estimate with `auto`. */
  readonly contextTokens?: number | undefined;
}

/** Answers about models on disk that are not loaded. */
export interface ColdModels {
  /** Cached facts about the file with this fingerprint; waits for nothing. */
  facts(fingerprint: string): ColdFacts | undefined;
  /**
   * The memory that a load needs, with `auto` resolved within `budget`; undefined if it cannot be estimated.
   *
   * @throws CortexError `unsupported_parameter`, `model_load_failed` naming file and cause
   */
  estimate(spec: HarnessLoadSpec, budget: MemoryBudget): Promise<LoadEstimate | undefined>;
  /** Like `estimate`, with `contextMax` and `slotsMax` within `budget`. */
  estimateLimits(spec: HarnessLoadSpec, budget: MemoryBudget): Promise<MemoryEstimate | undefined>;
  /** Inspects the file as a load does, including its template. @throws CortexError `model_load_failed` */
  inspect(files: HarnessFiles): Promise<ColdFacts>;
  /** Answers a tokenizer route. @throws CortexError naming the problem of the body or the file */
  serve(
    route: TokenizerRoute,
    files: HarnessFiles,
    body: Readonly<Record<string, unknown>>,
  ): Promise<Response>;
}

/** Progress of a load, 0 to 1. */
export type LoadProgressListener = (ratio: number) => void;

interface HarnessBase<Spec> {
  readonly name: string;
  /** Of several harnesses of one kind, the first is also found by it. */
  readonly kind: string;
  /**
   * Calls `listener` after every change of a model's state in this harness: loaded, recovering, failed, gone. There
   * is no call while a first load is under way.
   */
  onChange(listener: (modelId: string) => void): void;
  /** Whether it can load models now; absent: always. */
  readonly isAvailable?: (() => boolean) | undefined;
  /**
   * Called before memory is reserved for a load. @throws CortexError `unsupported_parameter` naming a setting that this
   * harness does not support
   */
  readonly checkSettings?: ((settings: LoadSettings) => void) | undefined;
  /**
   * It refuses by itself what a model cannot do, because only the server behind it knows. Absent: requests are compared
   * with the capabilities of the model.
   */
  readonly judgesRequests?: boolean | undefined;
  /** It sends the bytes of a request on, and reads only the fields that `HarnessRequest.body` names. */
  readonly forwardsBodies?: boolean | undefined;
  /** Absent if the harness has no information on unloaded models. */
  readonly cold?: ColdModels | undefined;
  start?(): Promise<void>;
  /** Ends all its engines; requests in flight have `graceMs` to finish. */
  stop?(graceMs: number): Promise<void>;
  /** Cached state, like `listModels`; neither waits. */
  health(): HarnessHealth;
  listModels(): readonly HarnessModel[];
  /**
   * Loads a model. When `signal` aborts, the memory of the load is freed before this rejects.
   *
   * @throws CortexError `unsupported_parameter` naming a setting that this harness does not support,
   * `model_load_failed`
   */
  loadModel(spec: Spec, progress: LoadProgressListener, signal: AbortSignal): Promise<HarnessModel>;
  /** Unloads the model and frees its memory; requests in flight end with an error. No effect for an unknown id. */
  unloadModel(id: string): Promise<void>;
  /**
   * Gives the memory of a loaded model back and keeps its process; absent if the harness cannot. Requests in flight
   * have ended before.
   *
   * @throws CortexError `unsupported_parameter` if this model cannot
   */
  sleepModel?(id: string): Promise<void>;
  /** Ends the sleep of a model. When `signal` aborts, the model sleeps again or is gone. */
  wakeModel?(id: string, signal: AbortSignal): Promise<HarnessModel>;
  /**
   * Bytes of JSON that a request to generate, or for tokens, may have for a model with that context; larger ones are
   * refused before they are parsed. Absent: only the limit of the daemon applies.
   */
  maxBodyBytes?(contextTokens: number): number;
  /**
   * Refuses a request that this model can never answer, because it is invalid or too long; called only if the
   * request would have to wait. Absent: such requests fail when their turn comes.
   */
  checkAnswerable?(
    route: GenerateRoutePath,
    modelId: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** Base URL for inference with the model: neuron's own listener for every harness. */
  inferenceEndpoint(id: string): string | undefined;
  /**
   * The only inference entry. Aborting `signal` ends the work within one step.
   *
   * @throws CortexError a refusal, or a failure before the answer starts; a later failure is in the body
   */
  serve(
    route: InferenceRoute,
    modelId: string,
    request: HarnessRequest,
    signal: AbortSignal,
  ): Promise<Response>;
  /**
   * Restarts the server of the harness; its models keep their place. New requests are refused from the call on, and the
   * server ends once `idle` has resolved. Absent if there is nothing to restart.
   *
   * @throws CortexError why it does not serve again
   */
  restart?(idle: Promise<void>): Promise<void>;
}

/** A harness whose models are GGUF files of this node. */
export interface GgufHarness extends HarnessBase<HarnessLoadSpec> {
  readonly needs: 'gguf';
  /** Whether it can draft with the prediction layers (MTP) of a model now; absent: it cannot. */
  readonly draftsWithMtp?: (() => Promise<boolean>) | undefined;
}

/** A harness that needs no file from this node. */
export interface ForeignHarness extends HarnessBase<ForeignLoadSpec> {
  /**
   * What a load needs: `repository`, which the harness fetches by its name; `nothing`, because the server behind it
   * has the model.
   */
  readonly needs: 'repository' | 'nothing';
  /** Whether neuron chooses devices for its models and reserves their memory. */
  readonly isPlaced: boolean;
  /** Absent: what its server has is known only by a load. */
  readonly offers?: Offers | undefined;
}

export type Harness = GgufHarness | ForeignHarness;
