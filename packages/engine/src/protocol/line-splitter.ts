import { MAX_LINE_CHARS } from './version.ts';

/** Splits a byte stream into lines of UTF-8 text, in any chunking. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #maxChars: number;
  /** Pieces of the incomplete line. They are joined once, because a 20 MB line comes in hundreds of chunks. */
  #pieces: string[] = [];
  #pendingChars = 0;

  constructor(maxChars: number = MAX_LINE_CHARS) {
    this.#maxChars = maxChars;
  }

  /**
   * The lines that `chunk` completes, without line ends. Empty lines are dropped.
   *
   * @throws RangeError when a line grows past the limit.
   */
  push(chunk: Uint8Array): readonly string[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = this.#finish(text.slice(start, end));
      if (line.length > 0) lines.push(line);
      start = end + 1;
    }
    if (start < text.length) {
      this.#pieces.push(start === 0 ? text : text.slice(start));
      this.#pendingChars += text.length - start;
      if (this.#pendingChars > this.#maxChars) {
        throw new RangeError(`it sent a line longer than ${this.#maxChars} characters`);
      }
    }
    return lines;
  }

  /** The text after the last line end, if any. The splitter is empty afterwards. */
  end(): string | undefined {
    const rest = this.#finish(this.#decoder.decode());
    return rest === '' ? undefined : rest;
  }

  #finish(last: string): string {
    if (this.#pieces.length === 0) return last;
    this.#pieces.push(last);
    const line = this.#pieces.join('');
    this.#pieces = [];
    this.#pendingChars = 0;
    return line;
  }
}
