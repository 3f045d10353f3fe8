import type { OutputDelta, OutputParser } from './output-parser.ts';

/** Hands text on in whole code points: the first half of one waits for the second. */
export class WholeCharacters implements OutputParser {
  readonly #inner: OutputParser;
  #half = '';

  constructor(inner: OutputParser) {
    this.#inner = inner;
  }

  get isReasoning(): boolean {
    return this.#inner.isReasoning;
  }

  get toolCalls(): number {
    return this.#inner.toolCalls;
  }

  push(text: string): readonly OutputDelta[] {
    const all = this.#half + text;
    const last = all.charCodeAt(all.length - 1);
    const isHalf = last >= 0xd800 && last <= 0xdbff;
    this.#half = isHalf ? all.slice(-1) : '';
    return this.#inner.push(isHalf ? all.slice(0, -1) : all);
  }

  end(): readonly OutputDelta[] {
    const rest = this.#half === '' ? [] : this.#inner.push(this.#half);
    this.#half = '';
    return [...rest, ...this.#inner.end()];
  }
}
