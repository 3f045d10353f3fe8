import { CortexError } from '@cortex/protocol';

import type { Model } from './binding.ts';
import type { Token } from './native-types.ts';
import { cutAtSpecials } from './request/special-cuts.ts';

/** `prompt` of a completion, as the body has it. */
export type CompletionPrompt = string | readonly (string | number | readonly number[])[];

/** What of a model prompts are made with. */
export type Vocabulary = Pick<
  Model,
  | 'bosToken'
  | 'detokenize'
  | 'isEndOfGeneration'
  | 'joinsTokens'
  | 'longestTokenBytes'
  | 'specialTexts'
  | 'tokenize'
  | 'vocabularySize'
>;

/** The vocabulary of a loaded model, with its rules for the start of a prompt. */
export class Tokenizer {
  readonly #model: Vocabulary;
  #endTokens: readonly Token[] | undefined;
  #longestTokenBytes: number | undefined;
  #cuts: readonly string[] | undefined;

  constructor(model: Vocabulary) {
    this.#model = model;
  }

  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): readonly Token[] {
    const { bosToken } = this.#model;
    const tokens = options.parseSpecial
      ? this.#withSpecial(text)
      : this.#model.tokenize(text, { parseSpecial: false });
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
    const tokens = this.#withSpecial(prompt);
    if (bosToken === undefined || tokens[0] === bosToken) return tokens;
    const all = new Uint32Array(tokens.length + 1);
    all[0] = bosToken;
    all.set(tokens, 1);
    return all;
  }

  /**
   * The prompt of a completion: a text, tokens, or a list of one of these.
   *
   * @throws CortexError `invalid_request` for an empty one and for tokens that do not exist, `unsupported_parameter`
   *   for several.
   */
  completion(prompt: CompletionPrompt): Uint32Array {
    const one = onlyPrompt(prompt);
    const tokens =
      typeof one === 'string' ? this.tokenize(one, { addSpecial: true, parseSpecial: true }) : one;
    if (tokens.length === 0) {
      throw new CortexError('invalid_request', '"prompt" is empty.', { param: 'prompt' });
    }
    if (typeof one !== 'string') this.#check(tokens, 'prompt');
    return Uint32Array.from(tokens);
  }

  /** So many tokens `text` has at least, from its length alone. */
  leastTokens(text: string): number {
    this.#longestTokenBytes ??= this.#model.longestTokenBytes;
    return Math.ceil(Buffer.byteLength(text) / this.#longestTokenBytes);
  }

  #withSpecial(text: string): Uint32Array {
    // Only of a byte-level vocabulary two texts have the tokens of the one that they are together.
    this.#cuts ??= this.#model.joinsTokens ? [] : this.#model.specialTexts;
    const [first = '', ...rest] = cutAtSpecials(text, this.#cuts);
    const head = this.#model.tokenize(first, { parseSpecial: true });
    if (rest.length === 0) return head;
    const tails = rest.map((piece) => this.#model.tokenize(piece, { parseSpecial: true }));
    return concat([head, ...tails]);
  }

  /** Every token that ends an answer. */
  get endTokens(): readonly Token[] {
    const { vocabularySize } = this.#model;
    this.#endTokens ??= Array.from({ length: vocabularySize }, (_, token) => token).filter(
      (token) => this.#model.isEndOfGeneration(token),
    );
    return this.#endTokens;
  }

  has(token: Token): boolean {
    return Number.isInteger(token) && token >= 0 && token < this.#model.vocabularySize;
  }

  #check(tokens: readonly Token[], param: string): void {
    const size = this.#model.vocabularySize;
    const wrong = tokens.findIndex((token) => !this.has(token));
    if (wrong < 0) return;
    throw new CortexError(
      'invalid_request',
      `"${param}[${wrong}]": the vocabulary has the tokens 0 to ${size - 1}.`,
      { param: `${param}[${wrong}]` },
    );
  }
}

function concat(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The one prompt in it. */
function onlyPrompt(prompt: CompletionPrompt): string | readonly Token[] {
  if (typeof prompt === 'string') return prompt;
  const tokens = prompt.filter((item) => typeof item === 'number');
  if (tokens.length > 0) return tokens;
  const [only, ...more] = prompt;
  if (more.length > 0) {
    throw new CortexError(
      'unsupported_parameter',
      'Several prompts in one request are not supported: send one request for each.',
      { param: 'prompt' },
    );
  }
  return typeof only === 'number' || only === undefined ? tokens : only;
}
