import { CortexError } from '@cortex/protocol';

import type { EngineConnection } from '../engine/connection.ts';
import type { CloseOptions } from '../engine/engine.ts';
import type { EngineEvent, GenerateRequest } from '../engine/generate.ts';
import type { EngineLoadSpec, LoadedModel, LoadProgress } from '../engine/load.ts';
import type { MemoryBudget } from '../engine/memory.ts';
import type { EngineStats } from '../engine/stats.ts';
import type { EmbedRequest, RerankRequest } from '../engine/vectors.ts';
import {
  type CallCodec,
  checkDepth,
  COUNT,
  DETOKENIZE,
  DEVICES,
  EMBED,
  ESTIMATE,
  formatClose,
  formatGenerate,
  type Hello,
  isMessage,
  type Message,
  readDone,
  readFailure,
  readStats,
  readStep,
  RERANK,
  TEMPLATE,
  TOKEN_BYTES,
  toErrorEvent,
  TOKENIZE,
  TOKENIZE_CHAT,
  WireAccepted,
} from '../protocol/index.ts';
import { toAbortError } from './abort-error.ts';
import { excerpt, idOf, quote, summary } from './message-texts.ts';
import { PendingLoad } from './pending-load.ts';
import { PendingCalls } from './pending-calls.ts';
import { ReceivedStats } from './received-stats.ts';
import { RequestStream } from './request-stream.ts';

/** What a client needs from the owner of the channel. */
export interface ClientOwner {
  send(message: object): void;
  /** Reports a harmless irregularity. */
  note(text: string): void;
  /** Ends the connection with this cause: the engine violated the protocol, or must end now. */
  abandon(cause: string): void;
}

/**
 * Owner's side of the protocol after the handshake: an `Engine` that forwards its work to the other side.
 *
 * It trusts no message. A message that violates the protocol ends the connection with the cause.
 */
export class EngineClient implements EngineConnection {
  readonly name: string;
  readonly version: string;
  readonly ended: Promise<string>;
  readonly #owner: ClientOwner;
  readonly #streams = new Map<string, RequestStream>();
  readonly #calls: PendingCalls;
  #load: PendingLoad | undefined;
  readonly #stats = new ReceivedStats();
  #nextId = 1;
  #isClosing = false;
  #end: CortexError | undefined;
  #resolveEnded: (cause: string) => void = () => undefined;

  constructor(hello: Hello, owner: ClientOwner) {
    this.name = hello.name;
    this.version = hello.version;
    this.#owner = owner;
    this.#calls = new PendingCalls(
      (message) => owner.send(message),
      () => this.#takeId(),
    );
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  get lastStats() {
    return this.#stats.last;
  }

  get lastStepAtMs() {
    return this.#stats.lastStepAtMs;
  }

  load(
    spec: EngineLoadSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel> {
    if (this.#end !== undefined) return Promise.reject(loadFailure(this.#end.message));
    if (signal.aborted) return Promise.reject(toAbortError(signal.reason));
    const load = new PendingLoad({ spec, onProgress, signal }, () =>
      this.#owner.abandon('its load was cancelled'),
    );
    this.#load = load;
    this.#owner.send(load.message);
    return load.model.finally(() => (this.#load = undefined));
  }

  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const id = this.#takeId();
    const link = {
      start: (stream: RequestStream) => this.#start(id, stream, request),
      cancel: () => this.#owner.send({ kind: 'cancel', id }),
      returnCredit: (n: number) => this.#owner.send({ kind: 'credit', id, n }),
    };
    return new RequestStream(link, signal);
  }

  embed(request: EmbedRequest, signal: AbortSignal) {
    return this.#ask(EMBED, request, signal);
  }

  rerank(request: RerankRequest, signal: AbortSignal) {
    return this.#ask(RERANK, request, signal);
  }

  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ) {
    return this.#ask(TOKENIZE, { text, ...options });
  }

  detokenize(tokens: readonly number[]) {
    return this.#ask(DETOKENIZE, tokens);
  }

  tokenBytes(tokens: readonly number[]) {
    return this.#ask(TOKEN_BYTES, tokens);
  }

  async tokenizeChat(body: Readonly<Record<string, unknown>>) {
    checkDepth(body);
    return this.#ask(TOKENIZE_CHAT, body);
  }

  async applyTemplate(body: Readonly<Record<string, unknown>>) {
    checkDepth(body);
    return this.#ask(TEMPLATE, body);
  }

  async count(body: Readonly<Record<string, unknown>>) {
    checkDepth(body);
    return this.#ask(COUNT, body);
  }

  estimate(spec: EngineLoadSpec, budget: MemoryBudget) {
    return this.#ask(ESTIMATE, { spec, budget });
  }

  devices() {
    return this.#ask(DEVICES, undefined);
  }

  /** Asks for fresh `stats`. An engine that does not know the question answers with its next regular one. */
  stats(): Promise<EngineStats> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const next = this.#stats.next();
    this.#owner.send({ kind: 'stats' });
    return next;
  }

  /** Asks the engine to end. The owner of the connection makes sure that it does. */
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

  /** The connection has ended, and everything that waits for it ends too. */
  end(cause: string): void {
    if (this.#end !== undefined) return;
    const error = this.#isClosing
      ? shuttingDown()
      : new CortexError('node_recovering', `The engine is gone: ${cause}`);
    this.#end = error;
    for (const stream of this.#streams.values()) stream.push(toErrorEvent(error));
    this.#streams.clear();
    this.#calls.end(error);
    this.#stats.end(error);
    this.#load?.fail(
      loadFailure(`Cannot load ${this.#load.modelPath}: the engine ended: ${cause}`),
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
      case 'loaded':
      case 'failed':
        return this.#load?.receive(message);
      case 'stats':
        return this.#stats.add(readStats(message));
      default:
        return;
    }
  }

  #step(message: Message): void {
    const { requests, stepMs } = readStep(message);
    this.#stats.addStep();
    for (const { id, items } of requests) {
      const event = { type: 'items', items } as const;
      this.#event(id, stepMs === undefined ? event : { ...event, stepMs });
    }
  }

  #start(id: string, stream: RequestStream, request: GenerateRequest): void {
    if (this.#end !== undefined || this.#isClosing) {
      return stream.push(toErrorEvent(this.#end ?? shuttingDown()));
    }
    try {
      // The engine refuses deeper bodies, and writing one takes a second or overflows the stack.
      checkDepth(request.body);
    } catch (error) {
      return stream.push(toErrorEvent(error));
    }
    this.#streams.set(id, stream);
    return this.#owner.send(formatGenerate(id, request));
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
    if (!this.#calls.onError(id, error)) this.#event(id, toErrorEvent(error));
  }

  #result(id: string, message: Message): void {
    if (this.#calls.onResult(id, message)) return;
    this.#owner.note(`engine sent a result for the unknown call ${quote(id)}`);
  }

  #ask<Input, Output>(
    codec: CallCodec<Input, Output>,
    input: Input,
    signal?: AbortSignal,
  ): Promise<Output> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return this.#calls.ask(codec, input, signal);
  }

  #takeId(): string {
    return String(this.#nextId++);
  }
}

const shuttingDown = () => new CortexError('shutting_down', 'The engine is shutting down.');

const loadFailure = (message: string) =>
  new CortexError('model_load_failed', message, { transient: true });
