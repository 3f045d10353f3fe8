import { CortexError, toCortexError } from '@cortex/protocol';

import type {
  CloseOptions,
  Embeddings,
  Engine,
  EngineDevice,
  EngineEvent,
  EngineLoadSpec,
  EngineStats,
  GenerateRequest,
  LoadedModel,
  LoadProgress,
  MemoryEstimate,
  RerankScores,
} from '../engine.ts';
import { LIBRARY_VERSION } from './binding.ts';
import { loadModel } from './load-model.ts';
import { IDLE_STATS, LoadedLlama } from './loaded-llama.ts';
import { readBody, SamplingBody } from './request/chat-body.ts';
import { EventBuffer } from './scheduler/event-buffer.ts';

/** The engine on llama.cpp's kernels: one GGUF model, a scheduler of our own. */
export function createLlamaEngine(): Engine {
  return new LlamaEngine();
}

class LlamaEngine implements Engine {
  readonly name = 'llama';
  readonly version = LIBRARY_VERSION;
  readonly #closed = new AbortController();
  #loading: Promise<LoadedLlama> | undefined;
  #loaded: LoadedLlama | undefined;
  #closing: Promise<void> | undefined;

  async load(
    spec: EngineLoadSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel> {
    if (this.#isClosed) throw closing();
    if (this.#loading !== undefined)
      throw new CortexError('conflict', 'An engine loads one model, once.');
    checkParams(spec.params);
    const either = AbortSignal.any([signal, this.#closed.signal]);
    this.#loading = this.#load(spec, { onProgress, signal: either });
    this.#loaded = await this.#loading;
    return this.#loaded.describe();
  }

  async #load(
    spec: EngineLoadSpec,
    listeners: { onProgress: (progress: LoadProgress) => void; signal: AbortSignal },
  ): Promise<LoadedLlama> {
    const llama = await loadModel(spec, { ...listeners, log: writeLog });
    try {
      return new LoadedLlama(llama, spec);
    } catch (error) {
      await llama.context?.dispose();
      await llama.model.dispose();
      throw error;
    }
  }

  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    // Not `AbortSignal.any`: a signal that outlives its requests would keep something of each.
    signal.addEventListener('abort', onAbort, { once: true });
    const events = new EventBuffer({
      onRoom: () => this.#loaded?.wake(),
      onLeave: onAbort,
      onEnd: () => signal.removeEventListener('abort', onAbort),
    });
    try {
      const loaded = this.#ready();
      if (signal.aborted) events.push(CANCELLED);
      else loaded.generate(request, { events, signal: abort.signal });
    } catch (error) {
      const { code, message, details } = toCortexError(error);
      events.push({
        type: 'error',
        code,
        message,
        ...(details.param !== undefined && { param: details.param }),
      });
    }
    return events;
  }

  embed(): Promise<Embeddings> {
    return Promise.reject(notClaimed('Embeddings'));
  }

  rerank(): Promise<RerankScores> {
    return Promise.reject(notClaimed('Reranking'));
  }

  async tokenize(
    text: string,
    options: { addSpecial: boolean; parseSpecial: boolean },
  ): Promise<readonly number[]> {
    return this.#ready().tokenizer.tokenize(text, options);
  }

  async detokenize(tokens: readonly number[]): Promise<string> {
    return this.#ready().tokenizer.detokenize(tokens);
  }

  async applyTemplate(body: Readonly<Record<string, unknown>>): Promise<string> {
    return this.#ready().applyTemplate(body);
  }

  async count(body: Readonly<Record<string, unknown>>): Promise<number> {
    return this.#ready().count(body);
  }

  estimate(): Promise<MemoryEstimate> {
    return Promise.reject(notClaimed('Estimating memory before a load'));
  }

  /** Of the backend that the model was loaded for; nothing is opened to find others. */
  async devices(): Promise<readonly EngineDevice[]> {
    return this.#ready().devices();
  }

  async stats(): Promise<EngineStats> {
    return this.#loaded?.stats() ?? IDLE_STATS;
  }

  close(graceMs: number, _options?: CloseOptions): Promise<void> {
    this.#closed.abort();
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    // A load under way ends first: freeing the library under it is not safe.
    const loaded = await this.#loading?.catch(() => undefined);
    await loaded?.close(graceMs);
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  #ready(): LoadedLlama {
    if (this.#isClosed) throw closing();
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

const notClaimed = (what: string): CortexError =>
  new CortexError('wrong_modality', `${what} is not something this engine does with this model.`);

/** The owner reads standard error line by line as the engine's log. */
const writeLog = (line: string): void => void process.stderr.write(`${line}\n`);

/** @throws CortexError `model_load_failed` for settings of the catalogue that no request could be answered with. */
function checkParams(params: EngineLoadSpec['params']): void {
  try {
    readBody(SamplingBody, params);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CortexError('model_load_failed', `The params of this model are wrong: ${said}`, {
      cause: error,
    });
  }
}

const closing = (): CortexError => new CortexError('shutting_down', 'The model is being unloaded.');
