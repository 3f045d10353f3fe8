import { type ChatDelta } from '../client/gateway-client.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';
import { visibleText } from '../output/visible-text.ts';

/** Writes an answer as it arrives: reasoning dimmed, then a blank line and the text. */
export class AnswerWriter {
  readonly #terminal: Terminal;
  readonly #paint: Paint;
  #isInReasoning = false;
  #hasText = false;

  constructor(terminal: Terminal, paint: Paint) {
    this.#terminal = terminal;
    this.#paint = paint;
  }

  write({ reasoning, text }: ChatDelta): void {
    if (reasoning !== undefined) {
      this.#isInReasoning = true;
      this.#terminal.write(this.#paint('dim', this.#shown(reasoning)));
    }
    if (text === undefined) return;
    // Models put line breaks around their reasoning; those before the text are removed.
    const visible = this.#hasText ? text : text.trimStart();
    if (visible === '') return;
    if (this.#isInReasoning && !this.#hasText) this.#terminal.write('\n\n');
    this.#hasText = true;
    this.#terminal.write(this.#shown(visible));
  }

  /** A file or another program gets the text of the model as it is. */
  #shown(text: string): string {
    return this.#terminal.isInteractive ? visibleText(text) : text;
  }

  end(): void {
    if (this.#hasText || this.#isInReasoning) this.#terminal.write('\n');
  }
}
