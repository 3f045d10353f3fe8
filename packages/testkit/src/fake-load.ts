import type { LoadModelRequest } from '@cortex/protocol';

import { errorAnswer, type ScriptedError } from './fake-exchange.ts';

/** A load call of a fake neuron. The test ends it. */
export class FakeLoad {
  readonly request: LoadModelRequest;
  /** Resolves when every waiting caller has closed its connection. */
  readonly abandoned: Promise<void>;
  /** Callers with an open `?wait=true` connection. */
  waiters = 0;
  /** 0 to 1, as `/models` shows it. */
  progress: number | undefined;
  readonly #abandon: () => void;
  readonly #ended = Promise.withResolvers<ScriptedError | undefined>();
  readonly #onEnd: (error: ScriptedError | undefined) => void;

  constructor(request: LoadModelRequest, onEnd: (error: ScriptedError | undefined) => void) {
    this.request = request;
    this.#onEnd = onEnd;
    const abandoned = Promise.withResolvers<void>();
    this.abandoned = abandoned.promise;
    this.#abandon = abandoned.resolve;
  }

  succeed(): void {
    this.#onEnd(undefined);
    this.#ended.resolve(undefined);
  }

  fail(error: ScriptedError): void {
    this.#onEnd(error);
    this.#ended.resolve(error);
  }

  /** Holds a caller until the load ends. */
  async wait(signal: AbortSignal): Promise<Response> {
    this.waiters += 1;
    signal.addEventListener('abort', () => {
      this.waiters -= 1;
      if (this.waiters === 0) this.#abandon();
    });
    const error = await this.#ended.promise;
    return error ? errorAnswer(error) : Response.json({ status: 'loaded' });
  }
}
