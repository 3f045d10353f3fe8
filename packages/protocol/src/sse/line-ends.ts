const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

const NOTHING = new Uint8Array(0);

/** `head` followed by `tail`. */
function joined(head: readonly number[], tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/**
 * Prepares the chunks of an event stream for readers that know only LF and CRLF (WHATWG HTML, 9.2.6 also allows CR).
 *
 * A CR that ends a line alone becomes LF, because few clients understand it; all other bytes stay. The byte order mark
 * at the start is removed. A CR at the end of a chunk may be the first half of a CRLF: it is held for the next chunk,
 * unless the stream has ended lines with CR alone before.
 */
export class LineEnds {
  /** Bytes at the end of the last chunk that may belong to a CRLF or, at the start, to a byte order mark. */
  #held: readonly number[] = [];
  #isStart = true;
  /** The stream has ended a line with CR alone. */
  #usesCarriageReturn = false;
  /** The last chunk ended with a CR that became LF: a LF that follows belongs to it. */
  #dropsLineFeed = false;

  /** The bytes of `chunk` with line ends LF or CRLF. A chunk without CR is returned without a copy. */
  push(chunk: Uint8Array): Uint8Array {
    let bytes = this.#held.length === 0 ? chunk : joined(this.#held, chunk);
    this.#held = [];
    if (this.#isStart) bytes = this.#withoutMark(bytes);
    if (this.#dropsLineFeed && bytes.length > 0) {
      if (bytes[0] === LINE_FEED) bytes = bytes.subarray(1);
      this.#dropsLineFeed = false;
    }
    const first = bytes.indexOf(CARRIAGE_RETURN);
    return first === -1 ? bytes : this.#convert(bytes, first);
  }

  #withoutMark(bytes: Uint8Array): Uint8Array {
    const length = BYTE_ORDER_MARK.findIndex((byte, at) => bytes[at] !== byte);
    if (length !== -1 && length === bytes.length) {
      this.#held = [...bytes];
      return NOTHING;
    }
    this.#isStart = false;
    return length === -1 ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
  }

  /** @param first - Position of the first CR. */
  #convert(bytes: Uint8Array, first: number): Uint8Array {
    let converted = bytes;
    for (let at = first; at !== -1; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
      if (bytes[at + 1] === LINE_FEED) continue;
      const isLast = at + 1 === bytes.length;
      if (isLast && !this.#usesCarriageReturn) {
        this.#held = [CARRIAGE_RETURN];
        return converted.subarray(0, at);
      }
      this.#usesCarriageReturn = true;
      this.#dropsLineFeed = isLast;
      if (converted === bytes) converted = bytes.slice();
      converted[at] = LINE_FEED;
    }
    return converted;
  }
}
