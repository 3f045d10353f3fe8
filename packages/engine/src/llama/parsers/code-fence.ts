const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;

/** Follows the lines and the fenced code blocks of a Markdown text that arrives in pieces. */
export class CodeFence {
  /** The incomplete last line. */
  #line = '';
  /** The fence that opened the current block. */
  #open: string | undefined;

  /** Whether the text ends within a block. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Whether the last line has only white space so far. */
  get isAtLineStart(): boolean {
    return this.#line.trim() === '';
  }

  /** The state after `text`, which is not part of the text yet. */
  after(text: string): CodeFence {
    const after = new CodeFence();
    after.#line = this.#line;
    after.#open = this.#open;
    after.push(text);
    return after;
  }

  push(text: string): void {
    const [first = '', ...rest] = text.split('\n');
    this.#line += first;
    for (const line of rest) {
      this.#endLine();
      this.#line = line;
    }
  }

  #endLine(): void {
    const [, fence = '', info = ''] = FENCE.exec(this.#line) ?? [];
    if (fence === '') return;
    if (this.#open === undefined) {
      // In the line that opens a block of backticks, no further backtick is allowed.
      if (!fence.startsWith('`') || !info.includes('`')) this.#open = fence;
    } else if (fence.startsWith(this.#open) && info.trim() === '') this.#open = undefined;
  }
}
