import { LineSplitter } from '../protocol/index.ts';

/** Lines kept for whoever asks what the engine wrote before it died. */
const TAIL_LINES = 500;

/** Longer lines are cut: a log is for reading. */
const LINE_CHARS = 8_192;

/** What a process writes, as lines: to listeners, and a bounded tail to look back on. */
export class LogLines {
  readonly #listeners: ((line: string) => void)[] = [];
  readonly #tail: string[] = [];

  get tail(): readonly string[] {
    return this.#tail;
  }

  listen(listener: (line: string) => void): void {
    this.#listeners.push(listener);
  }

  add(line: string): void {
    const cut = line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}…` : line;
    this.#tail.push(cut);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    for (const listener of this.#listeners) listener(cut);
  }

  /** Reads `stream` to its end. A line without an end is given out once it is too long to wait for. */
  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let splitter = new LineSplitter(LINE_CHARS);
    for await (const chunk of stream) {
      try {
        for (const line of splitter.push(chunk)) this.add(line.trimEnd());
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const start = splitter.end() ?? '';
        splitter = new LineSplitter(LINE_CHARS);
        this.add(start);
      }
    }
    const last = splitter.end();
    if (last !== undefined) this.add(last);
  }
}
