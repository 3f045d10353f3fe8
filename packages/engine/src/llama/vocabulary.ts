import type { NativeModel, Token } from './native-types.ts';
import { joinTokens } from './request/join-tokens.ts';
import { type CutVocabulary, PIECE_CHARS, TextPieces } from './request/text-pieces.ts';
import { textOfBytes } from './request/text-of-bytes.ts';
import { readSpelling, type Spelling, spellsCharacters } from './request/token-bytes.ts';

/** `llama_token_type`: unknown, control, user defined. */
const SPECIAL_TYPES: ReadonlySet<number> = new Set([2, 3, 4]);

const CONTROL_TYPE = 3;

/** Bits of `llama_token_attr`; tokens of unknown kind are silent as control tokens are. */
const CONTROL = 0b1001;
const USER_DEFINED = 0b1_0000;
const BYTE = 0b10_0000;

/** Of `llama_vocab_type`. */
const MERGED_PAIRS = 2;
const WORD_PIECE = 3;
const RWKV = 5;

/** What the file of a model says of its tokens, by their numbers. */
export interface VocabularyFile {
  /** As they are spelled there. */
  readonly tokens: readonly string[];
  /** `llama_token_type`; absent: all of them are ordinary. */
  readonly types: readonly number[] | undefined;
}

/** The tokens of one model: texts to tokens, tokens to bytes, and what single tokens stand for. */
export class Vocabulary {
  readonly #native: NativeModel;
  readonly #file: VocabularyFile;
  #pieces: TextPieces | undefined;
  #spelled: Spelling | undefined;
  #hidesFirstSpace: boolean | undefined;
  #controlTexts: readonly string[] | undefined;

  constructor(native: NativeModel, file: VocabularyFile) {
    this.#native = native;
    this.#file = file;
  }

  get size(): number {
    return this.#file.tokens.length;
  }

  /** The token to put before a prompt, or undefined where the model wants none. */
  get bosToken(): Token | undefined {
    return this.#native.shouldPrependBosToken() ? this.#native.tokenBos() : undefined;
  }

  /** The token to put behind an input, or undefined where the model wants none. */
  get eosToken(): Token | undefined {
    return this.#native.shouldAppendEosToken() ? this.#native.tokenEos() : undefined;
  }

  /** The token between two texts; undefined where the vocabulary has none. */
  get separatorToken(): Token | undefined {
    const token = this.#native.sepToken();
    return token < 0 ? undefined : token;
  }

  /** The vocabulary of BERT, whose texts lie between `[CLS]` and `[SEP]`. */
  get isWordPiece(): boolean {
    return this.#native.getVocabularyType() === WORD_PIECE;
  }

  /** UTF-8 bytes of the longest token: no token covers more of a text. */
  get longestTokenBytes(): number {
    const { tokens } = this.#file;
    return tokens.reduce((longest, text) => Math.max(longest, Buffer.byteLength(text)), 1);
  }

  /**
   * `text` in parts that have its tokens one by one, for a pause between them; whole where
   * words are merged across everything.
   */
  piecesOf(text: string): Iterable<string> {
    if (text.length <= PIECE_CHARS || this.#spelling !== 'bytes') return [text];
    this.#pieces ??= new TextPieces(this.cutVocabulary);
    return this.#pieces.of(text);
  }

  /** What the vocabulary says of where texts can be cut; for a byte-level one. */
  get cutVocabulary(): CutVocabulary {
    const { tokens, types } = this.#file;
    const isSpecial = (token: Token): boolean => SPECIAL_TYPES.has(types?.[token] ?? 1);
    return {
      ordinary: tokens.filter((_, token) => !isSpecial(token)),
      special: tokens.filter((text, token) => text !== '' && isSpecial(token)),
    };
  }

  tokenize(text: string, options: { readonly parseSpecial: boolean }): Uint32Array {
    return joinTokens(
      Array.from(this.piecesOf(text), (piece) =>
        this.#native.tokenize(piece, options.parseSpecial),
      ),
    );
  }

  /** The text of `tokens`, control tokens spelled out. */
  detokenize(tokens: readonly Token[]): string {
    // Which spaces stood in a text is lost in this vocabulary; the library's guess is what its models are used with.
    if (this.isWordPiece) return this.#native.detokenize(Uint32Array.from(tokens), true);
    const text = textOfBytes(Buffer.concat(tokens.map((token) => this.bytesOf(token))));
    return this.hidesFirstSpace && text.startsWith(' ') ? text.slice(1) : text;
  }

  /** The bytes that `token` stands for, which may be a part of a character; of a control token its name. */
  bytesOf(token: Token): Uint8Array {
    const attributes = this.#native.getTokenAttributes(token);
    return readSpelling(this.#native.getTokenString(token), this.#spelling, {
      isAdded: (attributes & (CONTROL | USER_DEFINED)) !== 0,
      isByte: (attributes & BYTE) !== 0,
    });
  }

  /** Written by the model for its own ends: no part of a text. */
  isControl(token: Token): boolean {
    return (this.#native.getTokenAttributes(token) & CONTROL) !== 0;
  }

  /** Texts that stand for control tokens in a prompt: what the library or the file has as such. */
  get controlTexts(): readonly string[] {
    const { tokens, types } = this.#file;
    // The library takes some tokens for control tokens that the file has as ordinary ones, by their look.
    this.#controlTexts ??= tokens.filter(
      (text, token) =>
        (SPECIAL_TYPES.has(types?.[token] ?? 1) || /^[<[].+[>\]]$/.test(text)) &&
        text !== '' &&
        (this.isControl(token) || types?.[token] === CONTROL_TYPE),
    );
    return this.#controlTexts;
  }

  /** Those of them that the library takes for user-defined (gpt-oss): it reads them in plain text too. */
  get alwaysReadTexts(): readonly string[] {
    const { tokens, types } = this.#file;
    return tokens.filter((_, token) => types?.[token] === CONTROL_TYPE && !this.isControl(token));
  }

  /** The vocabulary puts a space before the first word of a text (SentencePiece, where the file does not say otherwise). */
  get hidesFirstSpace(): boolean {
    if (this.#hidesFirstSpace !== undefined) return this.#hidesFirstSpace;
    const word = this.#file.tokens.findIndex((text) => /^\u2581\p{L}/u.test(text));
    const isHidden =
      word >= 0 && !this.#native.detokenize(Uint32Array.of(word), false).startsWith(' ');
    this.#hidesFirstSpace = isHidden;
    return isHidden;
  }

  get #spelling(): Spelling {
    this.#spelled ??= this.#readSpelling();
    return this.#spelled;
  }

  #readSpelling(): Spelling {
    const type = this.#native.getVocabularyType();
    if (type === RWKV) return 'escapes';
    return type === MERGED_PAIRS && !spellsCharacters(this.#file.tokens) ? 'bytes' : 'characters';
  }

  isEndOfGeneration(token: Token): boolean {
    return this.#native.isEogToken(token);
  }
}
