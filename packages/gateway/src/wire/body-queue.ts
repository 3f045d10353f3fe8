/** Unread bytes above which the sender is paused. */
const HIGH_WATER_BYTES = 256 << 10;

/** Pauses and resumes the sender of a body. */
export interface Backpressure {
  pause(): void;
  resume(): void;
}

/** A body that is read once: in parts, or whole. */
export interface ResponseBody extends AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Rejects when the body was cut off. A body that is complete is returned without a promise. */
  readAll(): Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>;
}

/**
 * Connects a socket that pushes the body of an answer with a reader that pulls it.
 *
 * A read returns all unread bytes, joined, so that a slow reader catches up in one step. The socket is paused while
 * the reader does not read.
 */
export class BodyQueue
  implements ResponseBody, AsyncIterableIterator<Uint8Array<ArrayBuffer>, void>
{
  readonly #backpressure: Backpressure;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  #end: { readonly error?: unknown } | undefined;
  #reader: PromiseWithResolvers<IteratorResult<Uint8Array<ArrayBuffer>, void>> | undefined;

  constructor(backpressure: Backpressure) {
    this.#backpressure = backpressure;
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#end !== undefined) return;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: bytes });
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#isPaused || this.#waitingBytes < HIGH_WATER_BYTES) return;
    this.#isPaused = true;
    this.#backpressure.pause();
  }

  /** Ends the body after the last push. */
  end(): void {
    this.#end ??= {};
    // The sender continues with the next answer even if this one is never read.
    this.#resume();
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.resolve({ done: true, value: undefined });
  }

  /** Ends the body with an error. Bytes that have arrived can still be read. */
  fail(error: unknown): void {
    this.#end ??= { error };
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(error);
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    const waiting = this.#waiting;
    const [first] = waiting;
    if (first !== undefined) {
      const value = waiting.length === 1 ? first : new Uint8Array(Buffer.concat(waiting));
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#resume();
      return Promise.resolve({ done: false, value });
    }
    if (this.#end !== undefined) {
      if ('error' in this.#end) return Promise.reject(this.#end.error);
      return Promise.resolve({ done: true, value: undefined });
    }
    const reader = Promise.withResolvers<IteratorResult<Uint8Array<ArrayBuffer>, void>>();
    this.#reader = reader;
    return reader.promise;
  }

  readAll(): Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer> {
    const [only] = this.#waiting;
    const isWhole = this.#end !== undefined && !('error' in this.#end);
    return isWhole && only !== undefined && this.#waiting.length === 1 ? only : this.#readParts();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#backpressure.resume();
  }

  async #readParts(): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of this) parts.push(part);
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    return new Uint8Array(Buffer.concat(parts));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
