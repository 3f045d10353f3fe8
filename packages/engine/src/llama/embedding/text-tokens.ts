import type { Tokenizer } from '../tokenizer.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { tooLong } from './input-tokens.ts';
import { isFarTooLong } from './long-text.ts';

export interface TextTokensOptions {
  readonly vocabulary: Pick<Vocabulary, 'piecesOf' | 'tokenize'>;
  /** Tokens of this vocabulary. */
  readonly tokenizer: Tokenizer;
  readonly contextTokens: number;
}

export interface TextSource {
  /** What an error names, as `input[3]`. */
  readonly param: string;
  /** Called between slices of a long text. Throws to end the work. */
  readonly checkWanted: () => void;
}

/**
 * Tokenizes texts to be embedded or ranked. Special tokens in them are text.
 *
 * If the vocabulary allows cuts, a long text is tokenized in slices, and other work runs in between. Other vocabularies
 * (WordPiece, SentencePiece) tokenize a text in one call, after a check that it is not far too long.
 */
export class TextTokens {
  readonly #vocabulary: Pick<Vocabulary, 'piecesOf' | 'tokenize'>;
  readonly #tokenizer: Tokenizer;
  readonly #contextTokens: number;

  constructor(options: TextTokensOptions) {
    this.#vocabulary = options.vocabulary;
    this.#tokenizer = options.tokenizer;
    this.#contextTokens = options.contextTokens;
  }

  /**
   * @throws CortexError `context_length_exceeded` for a text that is far too long, before it is completely tokenized
   */
  async of(text: string, { param, checkWanted }: TextSource): Promise<Uint32Array> {
    const most = 2 * this.#contextTokens;
    const farTooLong = () => tooLong(`more than ${most}`, this.#contextTokens, param);
    if (!this.#isCut(text) && (await isFarTooLong(this.#vocabulary, text, this.#contextTokens)))
      throw farTooLong();
    checkWanted();
    return this.#tokenizer.tokenize(text, PLAIN, (tokens) => {
      checkWanted();
      if (tokens > most) throw farTooLong();
    });
  }

  #isCut(text: string): boolean {
    const [first = ''] = this.#vocabulary.piecesOf(text);
    return first.length < text.length;
  }
}

const PLAIN = { addSpecial: false, parseSpecial: false } as const;
