import { LineSplitter } from '../protocol/index.ts';

/** Number of log lines kept, to explain why an engine died. */
const TAIL_LINES = 500;

/** Longer log lines are cut, in characters. */
const LINE_CHARS = 8_192;

/** The output of a process as lines: sent to listeners, with a bounded tail of the last ones. */
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

  /** Reads `stream` to its end. A line that grows too long is emitted before its end. */
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
