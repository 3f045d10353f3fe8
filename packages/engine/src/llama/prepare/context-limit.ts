import { CortexError } from '@cortex/protocol';

import type { GenerateRoute } from '../../engine/generate.ts';
import type { ChatBody, ChatMessage } from '../request/chat-body.ts';
import type { OnSlice, Tokenizer } from '../tokenizer.ts';

/** Rendering this much text takes about 5 ms. */
const LONG_CHARS = 256 * 1024;

/**
 * Refuses prompts that are longer than the context, as early as it is certain: rendering and tokenizing megabytes delays
 * all requests. Every check throws `CortexError` `context_length_exceeded`.
 */
export class ContextLimit {
  readonly #tokenizer: Tokenizer;
  readonly #contextTokens: number;

  constructor(tokenizer: Tokenizer, contextTokens: number) {
    this.#tokenizer = tokenizer;
    this.#contextTokens = contextTokens;
  }

  /** Checks the number of messages before they are parsed: every message costs tokens. */
  checkCount(messages: unknown): void {
    if (!Array.isArray(messages) || messages.length <= this.#contextTokens) return;
    throw this.#tooLong(`at least ${messages.length} tokens`, 'chat');
  }

  /** Checks a chat by the bytes of its texts. */
  checkFits({ messages }: ChatBody): void {
    const least = messages
      .flatMap(textsOf)
      .reduce((sum, text) => sum + this.#tokenizer.leastTokens(text), 0);
    if (least > this.#contextTokens) throw this.#tooLong(`at least ${least} tokens`, 'chat');
  }

  /**
   * Checks a chat by the tokens of its texts before its template is rendered, because rendering is not interruptible.
   * Assistant messages are not counted, because templates drop earlier reasoning.
   */
  async checkTexts(body: ChatBody, onSlice: OnSlice): Promise<void> {
    this.checkFits(body);
    const texts = body.messages.flatMap(textsOf);
    if (texts.reduce((sum, { length }) => sum + length, 0) < LONG_CHARS) return;
    const within = this.within(onSlice, 'chat');
    let count = 0;
    for (const text of texts) {
      if (!this.#tokenizer.isSliced(text)) continue;
      const before = count;
      const options = { addSpecial: false, parseSpecial: false };
      const tokens = await this.#tokenizer.tokenize(text, options, (more) => within(before + more));
      count += tokens.length;
      within(count);
    }
  }

  /** Checks a whole prompt by its bytes. */
  checkLength(prompt: string, route: GenerateRoute): void {
    const least = this.#tokenizer.leastTokens(prompt);
    if (least > this.#contextTokens) throw this.#tooLong(`at least ${least} tokens`, route);
  }

  /** `onSlice`, stopping the tokenizer as soon as the prompt exceeds the context. */
  within(onSlice: OnSlice, route: GenerateRoute): OnSlice {
    return (tokens) => {
      onSlice(tokens);
      if (tokens > this.#contextTokens) throw this.#tooLong(`at least ${tokens} tokens`, route);
    };
  }

  /** The tokens that remain for an answer; at least 1. */
  roomBehind(promptTokens: number, route: GenerateRoute): number {
    if (promptTokens < this.#contextTokens) return this.#contextTokens - promptTokens;
    throw this.#tooLong(`${promptTokens} tokens`, route);
  }

  #tooLong(length: string, route: GenerateRoute): CortexError {
    return new CortexError(
      'context_length_exceeded',
      `This model's maximum context length is ${this.#contextTokens} tokens. However, your prompt has ${length}. Please shorten it.`,
      { param: route === 'chat' ? 'messages' : 'prompt' },
    );
  }
}

/** Texts of a message that every template prints completely. */
function textsOf({ role, content }: ChatMessage): readonly string[] {
  if (role === 'assistant' || content === null) return [];
  if (typeof content === 'string') return [content];
  return content.flatMap(({ text }) => (typeof text === 'string' ? [text] : []));
}
