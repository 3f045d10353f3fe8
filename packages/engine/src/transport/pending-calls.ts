import type { CortexError } from '@cortex/protocol';

import type { CallCodec, Message } from '../protocol/index.ts';
import { toAbortError } from './abort-error.ts';

interface PendingCall {
  onResult(message: Message): void;
  onError(error: CortexError): void;
}

/** Owner's side of the calls that are answered by one `result` or `error`. */
export class PendingCalls {
  readonly #send: (message: object) => void;
  readonly #takeId: () => string;
  readonly #calls = new Map<string, PendingCall>();

  constructor(send: (message: object) => void, takeId: () => string) {
    this.#send = send;
    this.#takeId = takeId;
  }

  /** Sends a call and resolves with its answer. A cancelled call rejects at once, and its later answer is dropped. */
  ask<Input, Output>(
    codec: CallCodec<Input, Output>,
    input: Input,
    signal?: AbortSignal,
  ): Promise<Output> {
    if (signal?.aborted === true) return Promise.reject(toAbortError(signal.reason));
    const id = this.#takeId();
    const answer = Promise.withResolvers<Output>();
    const onAbort = () => {
      this.#send({ kind: 'cancel', id });
      answer.reject(toAbortError(signal?.reason));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#calls.set(id, {
      onResult: (message) => answer.resolve(codec.readOutput(message)),
      onError: answer.reject,
    });
    this.#send({ kind: codec.kind, id, ...codec.formatInput(input) });
    return answer.promise.finally(() => signal?.removeEventListener('abort', onAbort));
  }

  /** Gives `message` to its call; false when there is none. @throws ZodError when it is not a result of that call. */
  onResult(id: string, message: Message): boolean {
    const call = this.#calls.get(id);
    call?.onResult(message);
    return this.#calls.delete(id);
  }

  /** Ends a call with `error`; false when there is none. */
  onError(id: string, error: CortexError): boolean {
    this.#calls.get(id)?.onError(error);
    return this.#calls.delete(id);
  }

  /** Ends every call with `error`. */
  end(error: CortexError): void {
    for (const call of this.#calls.values()) call.onError(error);
    this.#calls.clear();
  }
}
