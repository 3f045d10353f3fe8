import { setTimeout as sleep } from 'node:timers/promises';

import type { Engine } from '../engine/engine.ts';
import {
  CALL_RUNNERS,
  EXIT_CODES,
  formatFailure,
  formatHello,
  formatLoaded,
  formatStats,
  isMessage,
  type Message,
  readClose,
  readGenerate,
  readHello,
  readLoadSpec,
} from '../protocol/index.ts';
import type { EngineChannel } from './engine-channel.ts';
import { refusal, ServedRequest } from './served-request.ts';
import { StepBatch } from './step-batch.ts';

/** How long a closed engine may take to emit the last event of each request. */
const LAST_EVENTS_MS = 500;

/** Interval between two regular `stats`. */
const STATS_INTERVAL_MS = 1000;

/**
 * Engine side of the protocol: answers on `channel` for `engine` until `close` or the channel's end.
 *
 * Resolves when the engine is closed and the channel ended. A channel that is a process ends the process before that.
 */
export function serveEngine(engine: Engine, channel: EngineChannel): Promise<void> {
  return new Promise((resolve) => {
    const server = new EngineServer(engine, channel, resolve);
    channel.open({
      onMessage: (message) => server.receive(message),
      onEnd: () => void server.end(),
    });
    server.greet();
  });
}

class EngineServer {
  readonly #engine: Engine;
  readonly #channel: EngineChannel;
  readonly #onEnded: () => void;
  readonly #batch: StepBatch;
  readonly #requests = new Map<string, ServedRequest>();
  readonly #running = new Set<Promise<void>>();
  readonly #calls = new Map<string, AbortController>();
  readonly #load = new AbortController();
  #statsTimer: ReturnType<typeof setInterval> | undefined;
  #greeted = false;
  #ending: Promise<void> | undefined;

  constructor(engine: Engine, channel: EngineChannel, onEnded: () => void) {
    this.#engine = engine;
    this.#channel = channel;
    this.#onEnded = onEnded;
    this.#batch = new StepBatch((message) => channel.send(message));
  }

  greet(): void {
    this.#channel.send(formatHello(this.#engine.name, this.#engine.version));
    this.#statsTimer = setInterval(() => void this.#sendStats(), STATS_INTERVAL_MS);
  }

  receive(message: unknown): void {
    if (!this.#greeted) {
      const isSpoken = readHello(message).kind === 'ok';
      if (!isSpoken) void this.end(EXIT_CODES.otherProtocol);
      this.#greeted = isSpoken;
      return;
    }
    // The owner is trusted. A value that is not a message is ignored like an unknown kind.
    if (isMessage(message)) this.#dispatch(message);
  }

  /** The channel has ended or was refused: everything ends without a grace period. */
  async end(exitCode: number = EXIT_CODES.closed): Promise<void> {
    this.#load.abort();
    for (const request of this.#requests.values()) request.cancel();
    await this.#close({ graceMs: 0, options: {}, exitCode });
  }

  #dispatch(message: Message): void {
    const id = typeof message['id'] === 'string' ? message['id'] : '';
    switch (message.kind) {
      case 'generate':
        return this.#generate(id, message);
      case 'credit':
        if (typeof message['n'] === 'number') this.#requests.get(id)?.addCredit(message['n']);
        return;
      case 'cancel':
        this.#requests.get(id)?.cancel();
        this.#calls.get(id)?.abort();
        return;
      case 'load':
        return void this.#startLoad(message);
      case 'stats':
        return void this.#sendStats();
      case 'close':
        return void this.#close({ ...readClose(message), exitCode: EXIT_CODES.closed });
      default: {
        const run = CALL_RUNNERS.get(message.kind);
        if (run !== undefined) void this.#call(id, message, run);
      }
    }
  }

  #generate(id: string, message: Message): void {
    let served: ServedRequest;
    try {
      const { request, credit } = readGenerate(message);
      served = new ServedRequest(request, credit, this.#batch);
    } catch (error) {
      return this.#batch.last(refusal(id, error));
    }
    this.#requests.set(id, served);
    const running = served.run(this.#engine).finally(() => {
      this.#requests.delete(id);
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  async #call(
    id: string,
    message: Message,
    run: (engine: Engine, message: unknown, signal: AbortSignal) => Promise<object>,
  ): Promise<void> {
    const abort = new AbortController();
    this.#calls.set(id, abort);
    try {
      const members = await run(this.#engine, message, abort.signal);
      this.#channel.send({ kind: 'result', id, ...members });
    } catch (error) {
      this.#channel.send(refusal(id, error));
    } finally {
      this.#calls.delete(id);
    }
  }

  async #startLoad(message: Message): Promise<void> {
    try {
      const spec = readLoadSpec(message);
      const model = await this.#engine.load(
        spec,
        (progress) => this.#channel.send({ kind: 'progress', ...progress }),
        this.#load.signal,
      );
      this.#channel.send({ kind: 'loaded', ...formatLoaded(model) });
    } catch (error) {
      this.#channel.send({ kind: 'failed', ...formatFailure(error) });
    }
  }

  async #sendStats(): Promise<void> {
    try {
      this.#channel.send({ kind: 'stats', ...formatStats(await this.#engine.stats()) });
    } catch {
      // An engine that cannot collect stats sends none. The owner judges it by its silence.
      return;
    }
  }

  #close(how: CloseCall): Promise<void> {
    this.#ending ??= this.#closeOnce(how);
    return this.#ending;
  }

  async #closeOnce({ graceMs, options, exitCode }: CloseCall): Promise<void> {
    // There is no reason to wait for a running load.
    this.#load.abort();
    await this.#engine.close(graceMs, options).catch(() => undefined);
    clearInterval(this.#statsTimer);
    // Requests that wait for credit continue to their last event.
    for (const request of this.#requests.values()) request.cancel();
    const lastEvents = Promise.allSettled(this.#running);
    await Promise.race([lastEvents, sleep(LAST_EVENTS_MS, undefined, { ref: false })]);
    this.#batch.flush();
    await this.#channel.close(exitCode);
    this.#onEnded();
  }
}

interface CloseCall {
  readonly graceMs: number;
  readonly options: { readonly saveDir?: string | undefined };
  readonly exitCode: number;
}
