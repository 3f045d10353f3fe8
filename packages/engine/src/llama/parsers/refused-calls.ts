import type { AnswerEnd, OutputDelta, OutputParser } from './output-parser.ts';

/** Turns the calls of tools that the request does not allow into content: `{"name": …, "arguments": …}`. */
export class RefusedCalls implements OutputParser {
  readonly #inner: OutputParser;
  /** Names of the tools that may not be called. */
  readonly #names: ReadonlySet<string>;
  /** Positions of their calls. */
  readonly #refused = new Set<number>();
  /** Length of the pushed text. */
  #length = 0;
  /** The last delta belongs to a refused call. */
  #isOpen = false;

  constructor(inner: OutputParser, names: ReadonlySet<string>) {
    this.#inner = inner;
    this.#names = names;
  }

  get isReasoning(): boolean {
    return this.#inner.isReasoning;
  }

  get toolCalls(): number {
    return this.#inner.toolCalls - this.#refused.size;
  }

  get isCallCut(): boolean {
    return this.#inner.isCallCut && !this.#refused.has(this.#inner.toolCalls - 1);
  }

  push(text: string): readonly OutputDelta[] {
    this.#length += text.length;
    return this.#read(this.#inner.push(text));
  }

  end(how: AnswerEnd): readonly OutputDelta[] {
    return [...this.#read(this.#inner.end(how)), ...(how === 'finished' ? this.#close() : [])];
  }

  #read(deltas: readonly OutputDelta[]): readonly OutputDelta[] {
    return deltas.flatMap((delta): readonly OutputDelta[] => {
      if (!('tool' in delta)) return [...this.#close(), delta];
      const { index, name, arguments: args = '' } = delta.tool;
      if (name === undefined && this.#refused.has(index)) return this.#text(args);
      const before = this.#close();
      if (name === undefined || !this.#names.has(name)) {
        return [...before, { tool: { ...delta.tool, index: index - this.#refused.size } }];
      }
      this.#refused.add(index);
      this.#isOpen = true;
      const head = `{"name": ${JSON.stringify(name)}, "arguments": `;
      return [...before, ...this.#text(head + args)];
    });
  }

  #close(): readonly OutputDelta[] {
    if (!this.#isOpen) return [];
    this.#isOpen = false;
    return this.#text('}');
  }

  /** Not the text of the answer, so it is behind all of that: no token of it has a log-probability. */
  #text(text: string): readonly OutputDelta[] {
    return text === '' ? [] : [{ text, at: this.#length }];
  }
}
