import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type {
  Engine,
  EngineCapability,
  EngineEvent,
  EngineLoadSpec,
  EngineStats,
  GenerateRequest,
  LoadedModel,
  LoadProgress,
  StepItem,
} from '@cortex/engine';
import { CortexError, type ErrorCode, toCortexError } from '@cortex/protocol';

import type { Gate } from './scripted/gate.ts';
import { readBody, type ScriptedBody } from './scripted/read-body.ts';
import { ScriptedRequest } from './scripted/scripted-request.ts';
import { ScriptedSlots } from './scripted/scripted-slots.ts';
import { writeAnswer } from './scripted/write-answer.ts';

export { createGate, type Gate } from './scripted/gate.ts';

/**
 * Program that serves a scripted engine as a process; `SCRIPTED_ENGINE` can contain `slots` and `contextTokens` as
 * JSON.
 */
export const SCRIPTED_WORKER_PATH = fileURLToPath(new URL('./scripted-worker.ts', import.meta.url));

/** The answer of the scripted engine to one request. */
export interface ScriptedAnswer {
  /**
   * One item per step: text, reasoning, tool call deltas. `ignore_eos` does not extend it; stop strings and limits
   * apply.
   */
  readonly items: readonly StepItem[];
  /** The step of item `n` waits for `gates[n]`; a gate after the last item delays the end. */
  readonly gates?: Readonly<Record<number, Gate>>;
  /** Ends with this error instead of `done`, after the items. */
  readonly failure?: { readonly code: ErrorCode; readonly message: string };
}

export interface ScriptedEngineOptions {
  /** Overrides the value of the load. */
  readonly slots?: number | undefined;
  /** Overrides the value of the load. */
  readonly contextTokens?: number | undefined;
  readonly capabilities?: readonly EngineCapability[];
  /** The answer to a request; undefined: the built-in pseudo model answers. */
  readonly answer?: (request: GenerateRequest) => ScriptedAnswer | undefined;
  /** The load waits for this gate between weights and context. */
  readonly loadGate?: Gate;
  readonly loadFailure?: CortexError;
}

/** `Engine` without a model: it gives scripted answers and follows every rule of the interface. */
export interface ScriptedEngine extends Engine {
  /** Every request, in order of arrival. */
  readonly requests: readonly GenerateRequest[];
}

const CAPABILITIES: readonly EngineCapability[] = [
  'chat',
  'completions',
  'tools',
  'reasoning',
  'tokenizer',
];

/** An engine without a model, for tests of everything around engines. */
export function createScriptedEngine(options: ScriptedEngineOptions = {}): ScriptedEngine {
  return new Scripted(options);
}

class Scripted implements ScriptedEngine {
  readonly name = 'scripted';
  readonly version = '1.0.0';
  readonly requests: GenerateRequest[] = [];
  readonly #options: ScriptedEngineOptions;
  #slots = new ScriptedSlots(1);
  #contextTokens = 0;
  #prefillChunkTokens = 512;
  #isClosing = false;
  #closed: Promise<void> | undefined;

  constructor(options: ScriptedEngineOptions) {
    this.#options = options;
  }

  async load(
    spec: EngineLoadSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel> {
    signal.throwIfAborted();
    if (this.#isClosing) throw new CortexError('shutting_down', 'The engine is shutting down.');
    const { loadGate, loadFailure, capabilities = CAPABILITIES } = this.#options;
    onProgress({ phase: 'starting', ratio: 0 });
    if (loadFailure !== undefined) throw loadFailure;
    if (!existsSync(spec.modelPath)) {
      throw new CortexError('model_load_failed', `File not found: ${spec.modelPath}.`);
    }
    if (readFileSync(spec.modelPath).subarray(0, 6).toString() === 'broken') {
      throw new CortexError('model_load_failed', `${spec.modelPath} is not a model file.`);
    }
    onProgress({ phase: 'weights', ratio: 0.5 });
    if (loadGate !== undefined) await orAborted(loadGate.opened, signal);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#isClosing) throw new CortexError('shutting_down', 'The engine is shutting down.');
    signal.throwIfAborted();
    onProgress({ phase: 'context', ratio: 0.9 });
    this.#contextTokens =
      this.#options.contextTokens ?? (spec.contextLength === 'auto' ? 8192 : spec.contextLength);
    const slots = this.#options.slots ?? (spec.slots === 'auto' ? 4 : spec.slots);
    this.#slots = new ScriptedSlots(slots);
    this.#prefillChunkTokens = spec.prefillChunkTokens;
    onProgress({ phase: 'ready', ratio: 1 });
    return {
      capabilities,
      limits: { contextTokens: this.#contextTokens, slots, trainedContextTokens: 32_768 },
      memory: { ramMib: 1, vramMib: 0 },
      backend: spec.backend,
      gpuLayers: '0/1',
    };
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    this.requests.push(request);
    const admitted = this.#prepare(request);
    if (admitted instanceof CortexError) {
      const { code, message, details } = admitted;
      yield { type: 'error', code, message, param: details.param };
      return;
    }
    const cancel = () => this.#slots.cancel(admitted);
    // Rendering takes time in a real engine, so a request can be cancelled before it is accepted.
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) {
      admitted.cancel();
    } else {
      signal.addEventListener('abort', cancel, { once: true });
      admitted.accept();
      this.#slots.enqueue(admitted);
    }
    try {
      for (;;) {
        const event = await admitted.next();
        yield event;
        this.#slots.run();
        if (event.type === 'done' || event.type === 'error') return;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
    }
  }

  embed(): Promise<never> {
    return Promise.reject(new CortexError('wrong_modality', 'This model makes no embeddings.'));
  }

  rerank(): Promise<never> {
    return Promise.reject(new CortexError('wrong_modality', 'This model does not rank.'));
  }

  tokenize(text: string): Promise<readonly number[]> {
    return Promise.resolve(Array.from(text, (character) => character.codePointAt(0) ?? 0));
  }

  detokenize(tokens: readonly number[]): Promise<string> {
    return Promise.resolve(String.fromCodePoint(...tokens));
  }

  tokenBytes(tokens: readonly number[]): Promise<readonly (readonly number[])[]> {
    return Promise.resolve(
      tokens.map((token) => Array.from(new TextEncoder().encode(String.fromCodePoint(token)))),
    );
  }

  async tokenizeChat(body: Readonly<Record<string, unknown>>): Promise<readonly number[]> {
    return this.tokenize(await this.applyTemplate(body));
  }

  applyTemplate(body: Readonly<Record<string, unknown>>): Promise<string> {
    return this.#render(body, (read) => read.prompt);
  }

  count(body: Readonly<Record<string, unknown>>): Promise<number> {
    return this.#render(body, (read) => read.promptTokens);
  }

  estimate({ backend }: EngineLoadSpec) {
    return Promise.resolve({
      vramMib: 0,
      ramMib: 1,
      kvMibPer1kTokens: 0.1,
      contextTokens: 8192,
      slots: 4,
      gpuLayers: backend === 'cpu' ? 0 : 2,
      layers: 2,
      fits: true,
      contextMax: 32_768,
      slotsMax: 4,
    });
  }

  devices() {
    return Promise.resolve([{ name: 'scripted', backend: 'cpu' as const }]);
  }

  stats(): Promise<EngineStats> {
    return Promise.resolve({
      ...this.#slots.counts(),
      longestStepMs: 1,
      batchSizes: this.#slots.batchSizes,
      kvCellsTotal: this.#contextTokens * this.#slots.count,
      rssMib: 1,
    });
  }

  close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    this.#closed ??= this.#slots.drain(graceMs);
    return this.#closed;
  }

  #prepare(request: GenerateRequest): ScriptedRequest | CortexError {
    if (this.#isClosing) return new CortexError('shutting_down', 'The engine is shutting down.');
    try {
      const body = readBody(request);
      const roomTokens = this.#contextTokens - body.promptTokens;
      if (roomTokens < 1) return this.#tooLong(request, body);
      const scripted = this.#options.answer?.(request);
      return new ScriptedRequest({
        body,
        items: scripted === undefined ? writeAnswer(body) : replay(scripted.items),
        gates: scripted?.gates ?? {},
        failure: scripted?.failure,
        roomTokens,
        prefillChunkTokens: this.#prefillChunkTokens,
        principal: request.principal,
      });
    } catch (error) {
      return toCortexError(error);
    }
  }

  #tooLong(request: GenerateRequest, body: ScriptedBody): CortexError {
    return new CortexError(
      'context_length_exceeded',
      `This model's maximum context length is ${this.#contextTokens} tokens, the prompt has ${body.promptTokens}.`,
      { param: request.route === 'chat' ? 'messages' : 'prompt' },
    );
  }

  async #render<T>(
    body: Readonly<Record<string, unknown>>,
    select: (read: ScriptedBody) => T,
  ): Promise<T> {
    const request = { id: '', route: 'chat' as const, body, principal: '', requestId: '' };
    return select(readBody(request));
  }
}

function* replay(items: readonly StepItem[]): Generator<StepItem, 'stop' | 'tool_calls'> {
  yield* items;
  return items.some((item) => item.tool !== undefined) ? 'tool_calls' : 'stop';
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => aborted.resolve(), { once: true });
  await Promise.race([promise, aborted.promise]);
  signal.throwIfAborted();
}
