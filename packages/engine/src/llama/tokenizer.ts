import { setImmediate as nextTurn } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';

import type { Token } from './native-types.ts';
import { joinTokens } from './request/join-tokens.ts';
import { ControlTexts } from './request/control-texts.ts';
import { KnownPieces } from './request/known-pieces.ts';
import { partsOfPrompt, type PromptControls, type RenderedPrompt } from './request/prompt-parts.ts';
import type { Vocabulary } from './vocabulary.ts';

/** One prompt of a completion. */
export type CompletionPrompt = string | readonly Token[];

/** The part of a vocabulary that prompts need. */
export type PromptVocabulary = Pick<
  Vocabulary,
  | 'alwaysReadTexts'
  | 'bosToken'
  | 'bytesOf'
  | 'controlTexts'
  | 'detokenize'
  | 'gapTokens'
  | 'isAdded'
  | 'isEndOfGeneration'
  | 'longestTokenBytes'
  | 'piecesOf'
  | 'size'
  | 'tokenize'
>;

/** Maximum time of tokenization, over all texts, before other work runs. */
const SLICE_MS = 5;

/**
 * Called between two slices with the number of tokens so far. Throws to end the work, if the request was cancelled or
 * the model is closed.
 */
export type OnSlice = (tokens: number) => void;

interface TextOptions {
  readonly addSpecial: boolean;
  /** Whether texts of special tokens become those tokens. */
  readonly parseSpecial: boolean;
}

/**
 * The vocabulary of a loaded model, with its rules for the start of a prompt.
 *
 * Long texts are tokenized in slices, one text per turn of the event loop.
 */
export class Tokenizer {
  readonly #vocabulary: PromptVocabulary;
  readonly #known = new KnownPieces();
  #lastSlice: Promise<unknown> = Promise.resolve();
  #endTokens: readonly Token[] | undefined;
  #longestTokenBytes: number | undefined;
  #controls: PromptControls | undefined;

  constructor(vocabulary: PromptVocabulary) {
    this.#vocabulary = vocabulary;
  }

  async tokenize(
    text: string,
    { addSpecial, parseSpecial }: TextOptions,
    onSlice: OnSlice,
  ): Promise<Uint32Array> {
    const tokens = await this.#tokensOf(text, parseSpecial, onSlice);
    return addSpecial ? this.#behindBos(tokens) : tokens;
  }

  /** @throws CortexError `invalid_request` for a token the vocabulary does not have. */
  detokenize(tokens: readonly Token[]): string {
    this.#check(tokens, 'tokens');
    return this.#vocabulary.detokenize(tokens);
  }

  /** @throws CortexError `invalid_request` for a token the vocabulary does not have. */
  bytesOf(tokens: readonly Token[]): readonly (readonly number[])[] {
    this.#check(tokens, 'tokens');
    return tokens.map((token) => Array.from(this.#vocabulary.bytesOf(token)));
  }

  /** Tokenizes a rendered prompt. A BOS is added only if the template printed none. */
  async rendered(prompt: RenderedPrompt, onSlice: OnSlice): Promise<Uint32Array> {
    this.#controls ??= {
      all: new ControlTexts(this.#vocabulary.controlTexts),
      alwaysRead: new ControlTexts(this.#vocabulary.alwaysReadTexts),
    };
    const parts: Uint32Array[] = [];
    let before = 0;
    for (const { text, parseSpecial } of partsOfPrompt(prompt, this.#controls)) {
      const part = await this.#tokensOf(text, parseSpecial, (count) => onSlice(before + count));
      parts.push(part);
      before += part.length;
    }
    const tokens = parts.length === 1 && parts[0] !== undefined ? parts[0] : joinTokens(parts);
    return tokens[0] === this.#vocabulary.bosToken ? tokens : this.#behindBos(tokens);
  }

  /** @throws CortexError `invalid_request` for an empty prompt and for unknown tokens. */
  async completion(prompt: CompletionPrompt, onSlice: OnSlice): Promise<Uint32Array> {
    const tokens =
      typeof prompt === 'string'
        ? await this.tokenize(prompt, { addSpecial: true, parseSpecial: true }, onSlice)
        : prompt;
    if (tokens.length === 0) {
      throw new CortexError('invalid_request', '"prompt" must not be empty.', { param: 'prompt' });
    }
    if (typeof prompt !== 'string') this.#check(prompt, 'prompt');
    return Uint32Array.from(tokens);
  }

  /**
   * A prompt that ends where the gap between `prompt` and `suffix` begins. In both, the texts of control tokens are text: they
   * are parts of a file.
   *
   * @throws CortexError `unsupported_parameter` if the model cannot fill gaps, `invalid_request` for unknown tokens.
   */
  async insertion(
    prompt: CompletionPrompt,
    suffix: string,
    onSlice: OnSlice,
  ): Promise<Uint32Array> {
    const { gapTokens } = this.#vocabulary;
    if (gapTokens === undefined) {
      throw new CortexError(
        'unsupported_parameter',
        'This model cannot insert text: its vocabulary has no tokens for "suffix".',
        { param: 'suffix' },
      );
    }
    if (typeof prompt !== 'string') this.#check(prompt, 'prompt');
    const before =
      typeof prompt === 'string'
        ? await this.#tokensOf(prompt, false, onSlice)
        : Uint32Array.from(prompt);
    const behind = await this.#tokensOf(suffix, false, (count) => onSlice(before.length + count));
    return this.#behindBos(
      joinTokens([
        Uint32Array.of(gapTokens.prefix),
        before,
        Uint32Array.of(gapTokens.suffix),
        behind,
        Uint32Array.of(gapTokens.middle),
      ]),
    );
  }

  /** The tokens of a short text of the model, including markers. */
  markerTokens(text: string): readonly Token[] {
    return Array.from(this.#vocabulary.tokenize(text, { parseSpecial: true }));
  }

  /** The added token that is exactly `text`; undefined: ordinary tokens make it up, which other texts need too. */
  addedToken(text: string): Token | undefined {
    const [token, ...more] = this.markerTokens(text);
    if (token === undefined || more.length > 0) return undefined;
    return this.#vocabulary.isAdded(token) ? token : undefined;
  }

  /** Whether `text` is tokenized in slices, between which other work runs. */
  isSliced(text: string): boolean {
    const [first = text] = this.#vocabulary.piecesOf(text);
    return first.length < text.length;
  }

  /** Minimum number of tokens of `text`, from its length. */
  leastTokens(text: string): number {
    this.#longestTokenBytes ??= this.#vocabulary.longestTokenBytes;
    return Math.ceil(Buffer.byteLength(text) / this.#longestTokenBytes);
  }

  async #tokensOf(text: string, parseSpecial: boolean, onSlice: OnSlice): Promise<Uint32Array> {
    const parts: Uint32Array[] = [];
    let count = 0;
    let sliceMs = -Infinity;
    for (const piece of this.#vocabulary.piecesOf(text)) {
      const make = (): Uint32Array => this.#vocabulary.tokenize(piece, { parseSpecial });
      if (piece.length === text.length) return make();
      if (performance.now() - sliceMs >= SLICE_MS) {
        await this.#nextSlice();
        onSlice(count);
        sliceMs = performance.now();
      }
      const tokens = this.#known.tokensOf(piece, parseSpecial ? 'special' : 'plain', make);
      parts.push(tokens);
      count += tokens.length;
    }
    return joinTokens(parts);
  }

  /** Waits for the slices of other texts: together they would delay other work by one slice per text. */
  #nextSlice(): Promise<unknown> {
    this.#lastSlice = this.#lastSlice.then(() => nextTurn());
    return this.#lastSlice;
  }

  #behindBos(tokens: Uint32Array): Uint32Array {
    const { bosToken } = this.#vocabulary;
    return bosToken === undefined ? tokens : joinTokens([Uint32Array.of(bosToken), tokens]);
  }

  /** Every token that ends an answer. */
  get endTokens(): readonly Token[] {
    const { size } = this.#vocabulary;
    this.#endTokens ??= Array.from({ length: size }, (_, token) => token).filter((token) =>
      this.#vocabulary.isEndOfGeneration(token),
    );
    return this.#endTokens;
  }

  has(token: Token): boolean {
    return Number.isInteger(token) && token >= 0 && token < this.#vocabulary.size;
  }

  #check(tokens: readonly Token[], param: string): void {
    const size = this.#vocabulary.size;
    const wrong = tokens.findIndex((token) => !this.has(token));
    if (wrong < 0) return;
    throw new CortexError(
      'invalid_request',
      `"${param}[${wrong}]" must be a token of the vocabulary, 0 to ${size - 1}.`,
      { param: `${param}[${wrong}]` },
    );
  }
}
