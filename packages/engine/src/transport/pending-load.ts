import type { EngineLoadSpec, LoadedModel, LoadProgress } from '../engine/load.ts';
import {
  formatLoadSpec,
  type Message,
  readFailure,
  readLoaded,
  readProgress,
} from '../protocol/index.ts';
import { toAbortError } from './abort-error.ts';

export interface LoadCall {
  readonly spec: EngineLoadSpec;
  readonly onProgress: (progress: LoadProgress) => void;
  readonly signal: AbortSignal;
}

/** Owner's side of the one load of an engine. */
export class PendingLoad {
  readonly model: Promise<LoadedModel>;
  readonly #call: LoadCall;
  readonly #outcome = Promise.withResolvers<LoadedModel>();

  /** @param onAbort - Called when the load is aborted, after it has been rejected. */
  constructor(call: LoadCall, onAbort: () => void) {
    this.#call = call;
    const abort = () => {
      this.fail(toAbortError(call.signal.reason));
      onAbort();
    };
    call.signal.addEventListener('abort', abort, { once: true });
    this.model = this.#outcome.promise.finally(() =>
      call.signal.removeEventListener('abort', abort),
    );
  }

  get modelPath(): string {
    return this.#call.spec.modelPath;
  }

  /** The message that starts it. */
  get message(): object {
    return { kind: 'load', ...formatLoadSpec(this.#call.spec) };
  }

  /** `progress`, `loaded` or `failed`. @throws ZodError when it is malformed. */
  receive(message: Message): void {
    if (message.kind === 'progress') this.#call.onProgress(readProgress(message));
    else if (message.kind === 'loaded') this.#outcome.resolve(readLoaded(message));
    else this.fail(readFailure(message));
  }

  fail(error: Error): void {
    this.#outcome.reject(error);
  }
}
