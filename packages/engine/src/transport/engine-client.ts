import { CortexError } from '@cortex/protocol';

import type {
  CloseOptions,
  EmbedRequest,
  EngineConnection,
  EngineEvent,
  EngineLoadSpec,
  EngineStats,
  GenerateRequest,
  LoadedModel,
  LoadProgress,
  RerankRequest,
  StepItem,
} from '../engine.ts';
import {
  type CallCodec,
  COUNT,
  DETOKENIZE,
  DEVICES,
  EMBED,
  ESTIMATE,
  formatClose,
  formatGenerate,
  formatLoadSpec,
  type Hello,
  isMessage,
  isStepItem,
  type Message,
  readDone,
  readFailure,
  readLoaded,
  readProgress,
  readStats,
  readStepItem,
  RERANK,
  TEMPLATE,
  toErrorEvent,
  TOKENIZE,
  WireAccepted,
} from '../protocol/index.ts';
import { RequestStream } from './request-stream.ts';

/** What a client needs of whoever owns the channel. */
export interface ClientOwner {
  send(message: object): void;
  /** Something odd that does no harm. */
  note(text: string): void;
  /** The engine broke the protocol, or its end is wanted now; ends the connection with this cause. */
  abandon(cause: string): void;
}

interface PendingCall {
  onResult(message: Message): void;
  onError(error: CortexError): void;
}

interface PendingLoad {
  onProgress(progress: LoadProgress): void;
  onLoaded(model: LoadedModel): void;
  onFailed(error: unknown): void;
}

/**
 * Owner's side of the protocol after the handshake: an `Engine` whose work is done at the other end.
 *
 * It trusts nothing that comes: a message that breaks the protocol abandons the connection and names the cause.
 */
export class EngineClient implements EngineConnection {
  readonly name: string;
  readonly version: string;
  readonly ended: Promise<string>;
  readonly #owner: ClientOwner;
  readonly #streams = new Map<string, RequestStream>();
  readonly #calls = new Map<string, PendingCall>();
  #load: PendingLoad | undefined;
  #statsWaiters: ((stats: EngineStats | CortexError) => void)[] = [];
  #lastStats: { readonly atMs: number; readonly stats: EngineStats } | undefined;
  #lastStepAtMs: number | undefined;
  #nextId = 1;
  #isClosing = false;
  #end: CortexError | undefined;
  #resolveEnded: (cause: string) => void = () => undefined;

  constructor(hello: Hello, owner: ClientOwner) {
    this.name = hello.name;
    this.version = hello.version;
    this.#owner = owner;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  get lastStats() {
    return this.#lastStats;
  }

  get lastStepAtMs() {
    return this.#lastStepAtMs;
  }

  load(
    spec: EngineLoadSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel> {
    if (this.#end !== undefined) return Promise.reject(loadFailure(this.#end));
    if (signal.aborted) return Promise.reject(asError(signal.reason));
    const onAbort = () => {
      this.#load?.onFailed(asError(signal.reason));
      this.#owner.abandon('its load was cancelled');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return new Promise<LoadedModel>((resolve, reject) => {
      this.#load = { onProgress, onLoaded: resolve, onFailed: reject };
      this.#owner.send({ kind: 'load', ...formatLoadSpec(spec) });
    }).finally(() => {
      this.#load = undefined;
      signal.removeEventListener('abort', onAbort);
    });
  }

  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const id = this.#takeId();
    const stream: RequestStream = new RequestStream(
      {
        start: () => {
          if (this.#end !== undefined || this.#isClosing) {
            stream.push(toErrorEvent(this.#end ?? shuttingDown()));
            return;
          }
          this.#streams.set(id, stream);
          this.#owner.send(formatGenerate(id, request));
        },
        cancel: () => this.#owner.send({ kind: 'cancel', id }),
        returnCredit: (n) => this.#owner.send({ kind: 'credit', id, n }),
      },
      signal,
    );
    return stream;
  }

  embed(request: EmbedRequest, signal: AbortSignal) {
    return this.#call(EMBED, request, signal);
  }

  rerank(request: RerankRequest, signal: AbortSignal) {
    return this.#call(RERANK, request, signal);
  }

  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ) {
    return this.#call(TOKENIZE, { text, ...options });
  }

  detokenize(tokens: readonly number[]) {
    return this.#call(DETOKENIZE, tokens);
  }

  applyTemplate(body: Readonly<Record<string, unknown>>) {
    return this.#call(TEMPLATE, body);
  }

  count(body: Readonly<Record<string, unknown>>) {
    return this.#call(COUNT, body);
  }

  estimate(spec: EngineLoadSpec) {
    return this.#call(ESTIMATE, spec);
  }

  devices() {
    return this.#call(DEVICES, undefined);
  }

  /** Asks for a fresh `stats`; an engine that knows no such question answers with the next one it sends by itself. */
  stats(): Promise<EngineStats> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#statsWaiters.push((answer) =>
        answer instanceof CortexError ? reject(answer) : resolve(answer),
      );
      this.#owner.send({ kind: 'stats' });
    });
  }

  /** Asks the engine to end; whoever owns the connection makes sure that it does. */
  async close(graceMs: number, options: CloseOptions = {}): Promise<void> {
    if (!this.#isClosing && this.#end === undefined) {
      this.#isClosing = true;
      if (this.#load === undefined) this.#owner.send(formatClose(graceMs, options));
      else this.#owner.abandon('it was closed during its load');
    }
    await this.ended;
  }

  /** One message of the engine, after its `hello`. */
  receive(message: unknown): void {
    if (this.#end !== undefined) return;
    if (!isMessage(message)) {
      return this.#owner.abandon(`it sent no message: ${excerpt(message)}`);
    }
    try {
      this.#dispatch(message);
    } catch (error) {
      this.#owner.abandon(`its ${message.kind} message is malformed: ${summary(error)}`);
    }
  }

  /** The connection is over: everything that still waits ends with it. */
  end(cause: string): void {
    if (this.#end !== undefined) return;
    const error = this.#isClosing
      ? shuttingDown()
      : new CortexError('node_recovering', `The engine is gone: ${cause}`);
    this.#end = error;
    for (const stream of this.#streams.values()) stream.push(toErrorEvent(error));
    this.#streams.clear();
    for (const call of this.#calls.values()) call.onError(error);
    this.#calls.clear();
    for (const waiter of this.#statsWaiters.splice(0)) waiter(error);
    this.#load?.onFailed(
      new CortexError('model_load_failed', `The engine ended during the load: ${cause}`, {
        transient: true,
      }),
    );
    this.#resolveEnded(cause);
  }

  #dispatch(message: Message): void {
    switch (message.kind) {
      case 'step':
        return this.#step(message);
      case 'accepted': {
        const { id, prompt_tokens } = WireAccepted.parse(message);
        return this.#event(id, { type: 'accepted', promptTokens: prompt_tokens });
      }
      case 'done':
        return this.#event(idOf(message), readDone(message));
      case 'error':
        return this.#error(idOf(message), readFailure(message));
      case 'result':
        return this.#result(idOf(message), message);
      case 'progress':
        return this.#load?.onProgress(readProgress(message));
      case 'loaded':
        return this.#load?.onLoaded(readLoaded(message));
      case 'failed':
        return this.#load?.onFailed(readFailure(message));
      case 'stats':
        return this.#stats(readStats(message));
      default:
        return;
    }
  }

  /** The hot path: once a step, and once an item. */
  #step(message: Message): void {
    const { items, ms } = message;
    if (!Array.isArray(items)) throw new TypeError('items is no array');
    this.#lastStepAtMs = performance.now();
    const stepMs = typeof ms === 'number' ? ms : undefined;
    let id: string | undefined;
    let gathered: StepItem[] = [];
    for (const item of items) {
      if (!isStepItem(item)) throw new TypeError('an item is malformed');
      if (item.id !== id) {
        if (id !== undefined) this.#items(id, gathered, stepMs);
        id = item.id;
        gathered = [];
      }
      gathered.push(readStepItem(item));
    }
    if (id !== undefined) this.#items(id, gathered, stepMs);
  }

  #items(id: string, items: readonly StepItem[], stepMs: number | undefined): void {
    this.#event(
      id,
      stepMs === undefined ? { type: 'items', items } : { type: 'items', items, stepMs },
    );
  }

  #event(id: string, event: EngineEvent): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      return this.#owner.note(`engine sent ${event.type} for the unknown request ${quote(id)}`);
    }
    const violation = stream.violationOf(event);
    if (violation !== undefined) {
      return this.#owner.abandon(`it broke the order of request ${quote(id)}: ${violation}`);
    }
    if (event.type === 'done' || event.type === 'error') this.#streams.delete(id);
    stream.push(event);
  }

  #error(id: string, error: CortexError): void {
    const call = this.#calls.get(id);
    if (call === undefined) return this.#event(id, toErrorEvent(error));
    this.#calls.delete(id);
    call.onError(error);
  }

  #result(id: string, message: Message): void {
    const call = this.#calls.get(id);
    if (call === undefined) {
      return this.#owner.note(`engine sent a result for the unknown call ${quote(id)}`);
    }
    call.onResult(message);
    this.#calls.delete(id);
  }

  #stats(stats: EngineStats): void {
    this.#lastStats = { atMs: performance.now(), stats };
    for (const waiter of this.#statsWaiters.splice(0)) waiter(stats);
  }

  #call<Input, Output>(
    codec: CallCodec<Input, Output>,
    input: Input,
    signal?: AbortSignal,
  ): Promise<Output> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (signal?.aborted === true) return Promise.reject(asError(signal.reason));
    const id = this.#takeId();
    const onAbort = () => {
      this.#owner.send({ kind: 'cancel', id });
      this.#calls.get(id)?.onError(new CortexError('client_closed_request', 'Cancelled.'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    return new Promise<Output>((resolve, reject) => {
      this.#calls.set(id, {
        onResult: (message) => resolve(codec.readOutput(message)),
        onError: reject,
      });
      this.#owner.send({ kind: codec.kind, id, ...codec.formatInput(input) });
    }).finally(() => signal?.removeEventListener('abort', onAbort));
  }

  #takeId(): string {
    return String(this.#nextId++);
  }
}

const shuttingDown = () => new CortexError('shutting_down', 'The engine is shutting down.');

const loadFailure = (cause: CortexError) =>
  new CortexError('model_load_failed', cause.message, { transient: true, cause });

const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError');

const quote = (id: string) => JSON.stringify(id.slice(0, 40));

const summary = (error: unknown) =>
  error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 200) : 'unreadable';

/** The start of what came, for a log line. */
const excerpt = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 80);

function idOf(message: Message): string {
  const { id } = message;
  if (typeof id !== 'string') throw new TypeError('id is no string');
  return id;
}
