import { cpus, totalmem } from 'node:os';

import { CortexError, readShape, toCortexError } from '@cortex/protocol';

import type { CloseOptions, Engine } from '../engine/engine.ts';
import type { EngineEvent, GenerateRequest } from '../engine/generate.ts';
import type { Backend, EngineLoadSpec, LoadedModel, LoadProgress } from '../engine/load.ts';
import type { EngineDevice, MemoryBudget, MemoryEstimate } from '../engine/memory.ts';
import type { EngineStats } from '../engine/stats.ts';
import type { Embeddings, EmbedRequest, RerankRequest, RerankScores } from '../engine/vectors.ts';
import { checkParams } from '../request-fields/check-fields.ts';
import { type Library, LIBRARY_VERSION } from './binding.ts';
import { createGeneration, type Generation } from './generation.ts';
import {
  batchTokensOf,
  checkFiles,
  disposeModel,
  loadCancelled,
  loadModel,
  openDevice,
} from './load-model.ts';
import { IDLE_STATS, LoadedLlama } from './loaded-llama.ts';
import { estimateMemory } from './memory/estimate-memory.ts';
import { SamplingBody } from './request/chat-body.ts';
import { EventBuffer } from './scheduler/event-buffer.ts';
import { toErrorEvent } from './scheduler/step-error.ts';
import { unloading } from './unloading.ts';

const MIB = 1024 * 1024;

/** The engine on llama.cpp's kernels: one GGUF model and our own scheduler. */
export function createLlamaEngine(): Engine {
  return new LlamaEngine();
}

class LlamaEngine implements Engine {
  readonly name = 'llama';
  readonly version = LIBRARY_VERSION;
  readonly #closed = new AbortController();
  #loading: Promise<LoadedLlama> | undefined;
  #loaded: LoadedLlama | undefined;
  #estimating: { readonly backend: Backend; readonly library: Promise<Library> } | undefined;
  #lastEstimate: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  async load(
    spec: EngineLoadSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel> {
    if (this.#isClosed) throw unloading();
    if (this.#loading !== undefined)
      throw new CortexError('conflict', 'This engine has already loaded a model.');
    checkModelParams(spec.params);
    const either = AbortSignal.any([signal, this.#closed.signal]);
    this.#loading = this.#load(spec, { onProgress, signal: either });
    this.#loaded = await this.#loading;
    return this.#loaded.describe();
  }

  async #load(
    spec: EngineLoadSpec,
    listeners: { onProgress: (progress: LoadProgress) => void; signal: AbortSignal },
  ): Promise<LoadedLlama> {
    const { onProgress, signal } = listeners;
    const llama = await loadModel(spec, { ...listeners, log: writeLog });
    let generation: Generation | undefined;
    try {
      generation = await createGeneration({ llama, spec, log: writeLog });
      // Reported before the chat template is tested, so that a template that never ends is not taken for a slow read of
      // the file.
      onProgress({ phase: 'ready', ratio: 1 });
      const loaded = new LoadedLlama(llama, spec, generation);
      signal.throwIfAborted();
      return loaded;
    } catch (error) {
      await generation?.close(0, {});
      await llama.pooled?.close(0);
      await disposeModel(llama);
      throw signal.aborted ? loadCancelled(spec, error) : error;
    }
  }

  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    // Not `AbortSignal.any`, with which a long-lived signal would keep memory of each request.
    signal.addEventListener('abort', onAbort, { once: true });
    const events = new EventBuffer({
      onRoom: () => this.#loaded?.wake(),
      onConsumerStop: onAbort,
      onEnd: () => signal.removeEventListener('abort', onAbort),
    });
    if (signal.aborted) onAbort();
    void this.#begin(request, { events, signal: abort.signal });
    return events;
  }

  async #begin(
    request: GenerateRequest,
    to: { readonly events: EventBuffer; readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      const loaded = this.#ready();
      to.signal.throwIfAborted();
      await loaded.generate(request, to);
    } catch (error) {
      to.events.push(to.signal.aborted ? CANCELLED : toErrorEvent(toCortexError(error)));
    }
  }

  async embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    return this.#ready().embed(request, signal);
  }

  async rerank(request: RerankRequest, signal: AbortSignal): Promise<RerankScores> {
    return this.#ready().rerank(request, signal);
  }

  async tokenize(
    text: string,
    options: { addSpecial: boolean; parseSpecial: boolean },
  ): Promise<readonly number[]> {
    return this.#ready().tokenize(text, options);
  }

  async detokenize(tokens: readonly number[]): Promise<string> {
    return this.#ready().tokenizer.detokenize(tokens);
  }

  async tokenBytes(tokens: readonly number[]): Promise<readonly (readonly number[])[]> {
    return this.#ready().tokenizer.bytesOf(tokens);
  }

  async tokenizeChat(body: Readonly<Record<string, unknown>>): Promise<readonly number[]> {
    return this.#ready().tokenizeChat(body);
  }

  async applyTemplate(body: Readonly<Record<string, unknown>>): Promise<string> {
    return this.#ready().applyTemplate(body);
  }

  async count(body: Readonly<Record<string, unknown>>): Promise<number> {
    return (await this.#ready().tokenizeChat(body)).length;
  }

  async estimate(spec: EngineLoadSpec, budget: MemoryBudget): Promise<MemoryEstimate> {
    const estimate = async (): Promise<MemoryEstimate> => {
      if (this.#isClosed) throw unloading();
      await checkFiles(spec);
      const library = await this.#estimator(spec);
      return estimateMemory(library, { spec, batchTokens: batchTokensOf(spec) }, budget);
    };
    // Estimates run one after another, because an estimate for another backend closes the previous library.
    const estimated = this.#lastEstimate.then(estimate);
    this.#lastEstimate = estimated.catch(() => undefined);
    return estimated;
  }

  /** Devices of the backend of the last estimate or load. The library is not opened to find others. */
  async devices(): Promise<readonly EngineDevice[]> {
    const backend = this.#loaded?.backend ?? this.#estimating?.backend ?? 'cpu';
    if (backend === 'cpu') {
      const name = cpus()[0]?.model.trim() ?? 'CPU';
      return [{ name, backend, totalMib: Math.floor(totalmem() / MIB) }];
    }
    if (this.#loaded) {
      return (await this.#loaded.deviceNames()).map((name) => ({ name, backend }));
    }
    const library = await this.#estimating?.library;
    const names = (await library?.deviceNames()) ?? [];
    // The library gives only the sum over all devices.
    const memory = names.length === 1 ? await library?.deviceMemory() : undefined;
    return names.map((name) => ({
      name,
      backend,
      ...(memory && {
        totalMib: Math.floor(memory.total / MIB),
        freeMib: Math.floor(memory.free / MIB),
        sharesRam: memory.shared > 0,
      }),
    }));
  }

  /** The library for estimates: opened on first use, for one backend at a time, and kept open. */
  async #estimator(spec: EngineLoadSpec): Promise<Library> {
    if (this.#estimating?.backend !== spec.backend) {
      await this.#estimating?.library.then((library) => library.dispose()).catch(() => undefined);
      this.#estimating = { backend: spec.backend, library: openDevice(spec, { log: writeLog }) };
    }
    return this.#estimating.library;
  }

  async stats(): Promise<EngineStats> {
    return this.#loaded?.stats() ?? IDLE_STATS;
  }

  close(graceMs: number, options: CloseOptions = {}): Promise<void> {
    this.#closed.abort();
    this.#closing ??= this.#close(graceMs, options);
    return this.#closing;
  }

  async #close(graceMs: number, options: CloseOptions): Promise<void> {
    // Waits for a running load, because freeing the library during it is not safe.
    const loaded = await this.#loading?.catch(() => undefined);
    await loaded?.close(graceMs, options);
    await this.#lastEstimate;
    await this.#estimating?.library.then((library) => library.dispose()).catch(() => undefined);
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  #ready(): LoadedLlama {
    if (this.#isClosed) throw unloading();
    if (this.#loaded === undefined)
      throw new CortexError('model_not_loaded', 'No model is loaded.');
    return this.#loaded;
  }
}

const CANCELLED: EngineEvent = {
  type: 'done',
  finish: [{ reason: 'cancelled' }],
  usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 },
  timings: { queueMs: 0, promptMs: 0, decodeMs: 0 },
};

/** The owner reads the lines of standard error as the engine's log. */
const writeLog = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * @throws CortexError `model_load_failed` for invalid settings in the catalogue, with which every request would fail.
 */
function checkModelParams(params: EngineLoadSpec['params']): void {
  try {
    readShape(SamplingBody, params);
    checkParams(params);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CortexError('model_load_failed', `The params of this model are invalid: ${said}`, {
      cause: error,
    });
  }
}
