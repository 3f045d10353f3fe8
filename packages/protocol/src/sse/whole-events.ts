import { CortexError } from '../errors.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** An event that is not finished after so many bytes is no event of a language model (behaviour 2). */
const MAX_UNFINISHED_BYTES = 1 << 20;

/** End of the last blank line that ends before `end`; 0 when there is none. Line ends are LF or CRLF. */
function lastEventEnd(bytes: Uint8Array): number {
  let at = bytes.lastIndexOf(LINE_FEED);
  while (at > 0) {
    const before = bytes[at - 1];
    if (before === LINE_FEED) return at + 1;
    if (before === CARRIAGE_RETURN && at > 1 && bytes[at - 2] === LINE_FEED) return at + 1;
    at = bytes.lastIndexOf(LINE_FEED, at - 1);
  }
  return 0;
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/**
 * Cuts network chunks of an event stream at the last blank line, so that something else can be sent in between.
 *
 * No byte is changed or lost: what `push` and `end` return, in order, is what came in.
 */
export class WholeEvents {
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /**
   * The bytes up to the last blank line seen, undefined when no event was completed. A chunk that starts and ends at
   * an event comes back as it is.
   *
   * @throws CortexError `node_protocol_error` when an unfinished event grows beyond 1 MiB.
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const end = this.#eventEndIn(chunk);
    if (end === undefined) {
      this.#wait(chunk);
      return undefined;
    }
    const whole = [...this.#waiting, end === chunk.length ? chunk : chunk.subarray(0, end)];
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (end < chunk.length) this.#wait(chunk.subarray(end));
    return concat(whole);
  }

  /** The unfinished rest when the stream has ended, undefined if there is none. */
  end(): Uint8Array | undefined {
    const rest = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return rest.length === 0 ? undefined : concat(rest);
  }

  /** Where the last event ends that `chunk` completes; the blank line may have begun in an earlier chunk. */
  #eventEndIn(chunk: Uint8Array): number | undefined {
    const end = lastEventEnd(chunk);
    if (end > 0) return end;
    // At most "\n" and "\r" of the blank line came before; what `chunk` adds is then its first one or two bytes.
    const before = this.#lastWaitingBytes();
    for (const length of [2, 1]) {
      if (length > chunk.length) continue;
      const joined = new Uint8Array([...before, ...chunk.subarray(0, length)]);
      if (lastEventEnd(joined) === joined.length) return length;
    }
    return undefined;
  }

  /** The last bytes that wait, at most 2. */
  #lastWaitingBytes(): number[] {
    const last: number[] = [];
    for (const chunk of this.#waiting.toReversed()) {
      for (let at = chunk.length - 1; at >= 0 && last.length < 2; at -= 1) {
        const byte = chunk[at];
        if (byte !== undefined) last.unshift(byte);
      }
      if (last.length === 2) break;
    }
    return last;
  }

  #wait(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MAX_UNFINISHED_BYTES) {
      throw new CortexError(
        'node_protocol_error',
        `The node sent an event of more than ${MAX_UNFINISHED_BYTES} bytes without an end.`,
      );
    }
  }
}
