import { CortexError } from '@cortex/protocol';

import type { Model, Token } from './binding.ts';

/** The vocabulary of a loaded model, with its rules for the start of a prompt. */
export class Tokenizer {
  readonly #model: Model;
  #endTokens: readonly Token[] | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): readonly Token[] {
    const { bosToken } = this.#model;
    const tokens = this.#model.tokenize(text, { parseSpecial: options.parseSpecial });
    return options.addSpecial && bosToken !== undefined ? [bosToken, ...tokens] : [...tokens];
  }

  /** @throws CortexError `invalid_request` for a token the vocabulary does not have. */
  detokenize(tokens: readonly Token[]): string {
    this.#check(tokens, 'tokens');
    return this.#model.detokenize(tokens, { showSpecial: true });
  }

  /** A rendered prompt; a BOS is added only where the template printed none. */
  rendered(prompt: string): Uint32Array {
    const { bosToken } = this.#model;
    const tokens = this.#model.tokenize(prompt, { parseSpecial: true });
    if (bosToken === undefined || tokens[0] === bosToken) return tokens;
    return Uint32Array.of(bosToken, ...tokens);
  }

  /** The prompt of a completion: a text, a list of one text, or tokens. @throws CortexError `invalid_request` */
  completion(prompt: string | readonly (string | number)[]): Uint32Array {
    const [first] = prompt;
    const text =
      typeof prompt === 'string' ? prompt : typeof first === 'string' ? first : undefined;
    const tokens =
      text === undefined
        ? Array.from(prompt, Number)
        : this.tokenize(text, { addSpecial: true, parseSpecial: true });
    if (tokens.length === 0) {
      throw new CortexError('invalid_request', '"prompt" is empty.', { param: 'prompt' });
    }
    if (text === undefined) this.#check(tokens, 'prompt');
    return Uint32Array.from(tokens);
  }

  /** Every token that ends an answer. */
  get endTokens(): readonly Token[] {
    const { vocabularySize } = this.#model;
    this.#endTokens ??= Array.from({ length: vocabularySize }, (_, token) => token).filter(
      (token) => this.#model.isEndOfGeneration(token),
    );
    return this.#endTokens;
  }

  #check(tokens: readonly Token[], param: string): void {
    const size = this.#model.vocabularySize;
    const wrong = tokens.findIndex(
      (token) => !Number.isInteger(token) || token < 0 || token >= size,
    );
    if (wrong < 0) return;
    throw new CortexError(
      'invalid_request',
      `"${param}[${wrong}]": the vocabulary has the tokens 0 to ${size - 1}.`,
      { param: `${param}[${wrong}]` },
    );
  }
}
