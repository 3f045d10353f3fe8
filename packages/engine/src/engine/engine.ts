/**
 * The Engine interface: one loaded model that answers requests.
 *
 * Every implementation passes `conformance/`; requests and events are plain JSON values, because the same
 * interface runs in the daemon (`isolation = "none"`) and behind the engine protocol in a child process.
 */
import type { EngineEvent, GenerateRequest } from './generate.ts';
import type { EngineLoadSpec, LoadProgress, LoadedModel } from './load.ts';
import type { EngineDevice, MemoryBudget, MemoryEstimate } from './memory.ts';
import type { EngineStats } from './stats.ts';
import type { EmbedRequest, Embeddings, RerankRequest, RerankScores } from './vectors.ts';

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
