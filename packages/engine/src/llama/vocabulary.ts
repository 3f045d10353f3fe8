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

/** Metadata of the tokens in a model file, by token number. */
export interface VocabularyFile {
  /** Token texts as spelled in the file. */
  readonly tokens: readonly string[];
  /** `llama_token_type`; absent: all of them are ordinary. */
  readonly types: readonly number[] | undefined;
}

/** They come before the text ahead of the gap, before the text behind it, and before the text that the model writes. */
export interface GapTokens {
  readonly prefix: Token;
  readonly suffix: Token;
  readonly middle: Token;
}

/** The tokens of one model: text to tokens, tokens to bytes, and the meaning of single tokens. */
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

  /** The token to put before a prompt; undefined if the model needs none. */
  get bosToken(): Token | undefined {
    return this.#native.shouldPrependBosToken() ? this.#native.tokenBos() : undefined;
  }

  /** The token to put after an input; undefined if the model needs none. */
  get eosToken(): Token | undefined {
    return this.#native.shouldAppendEosToken() ? this.#native.tokenEos() : undefined;
  }

  /** The token between two texts; undefined if the vocabulary has none. */
  get separatorToken(): Token | undefined {
    const token = this.#native.sepToken();
    return token < 0 ? undefined : token;
  }

  /** The tokens of a prompt with a gap to fill; undefined if the model was not trained for it. */
  get gapTokens(): GapTokens | undefined {
    const native = this.#native;
    const tokens = {
      prefix: native.prefixToken(),
      suffix: native.suffixToken(),
      middle: native.middleToken(),
    };
    return Object.values(tokens).every((token) => token >= 0) ? tokens : undefined;
  }

  /** The vocabulary of BERT, whose texts are wrapped in `[CLS]` and `[SEP]`. */
  get isWordPiece(): boolean {
    return this.#native.getVocabularyType() === WORD_PIECE;
  }

  /** UTF-8 bytes of the longest token. */
  get longestTokenBytes(): number {
    const { tokens } = this.#file;
    return tokens.reduce((longest, text) => Math.max(longest, Buffer.byteLength(text)), 1);
  }

  /** Splits `text` into parts that can be tokenized separately; one part if merges may cross any cut. */
  piecesOf(text: string): Iterable<string> {
    if (text.length <= PIECE_CHARS || this.#spelling !== 'bytes') return [text];
    this.#pieces ??= new TextPieces(this.cutVocabulary);
    return this.#pieces.of(text);
  }

  /** Where a byte-level vocabulary allows cuts. */
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

  /** The text of `tokens`, including that of control tokens. */
  detokenize(tokens: readonly Token[]): string {
    // This vocabulary does not encode spaces. The library's guess is what its models are used with.
    if (this.isWordPiece) return this.#native.detokenize(Uint32Array.from(tokens), true);
    const text = textOfBytes(Buffer.concat(tokens.map((token) => this.bytesOf(token))));
    return this.hidesFirstSpace && text.startsWith(' ') ? text.slice(1) : text;
  }

  /** The bytes of `token`, which may be part of a character. For a control token, its name. */
  bytesOf(token: Token): Uint8Array {
    return readSpelling(this.#native.getTokenString(token), this.#spelling, {
      isAdded: this.isAdded(token),
      isByte: (this.#native.getTokenAttributes(token) & BYTE) !== 0,
    });
  }

  /** Whether `token` was added to those that ordinary text is made of, such as a marker of calls. */
  isAdded(token: Token): boolean {
    return (this.#native.getTokenAttributes(token) & (CONTROL | USER_DEFINED)) !== 0;
  }

  /** Whether `token` is a control token, which is not part of the text. */
  isControl(token: Token): boolean {
    return (this.#native.getTokenAttributes(token) & CONTROL) !== 0;
  }

  /** Texts of the control tokens in a prompt, as declared by the library or the file. */
  get controlTexts(): readonly string[] {
    const { tokens, types } = this.#file;
    // The library treats some ordinary tokens of the file as control tokens because of their text.
    this.#controlTexts ??= tokens.filter(
      (text, token) =>
        (SPECIAL_TYPES.has(types?.[token] ?? 1) || /^[<[].+[>\]]$/.test(text)) &&
        text !== '' &&
        (this.isControl(token) || types?.[token] === CONTROL_TYPE),
    );
    return this.#controlTexts;
  }

  /** Those of them that the library treats as user-defined (gpt-oss), so that it recognises them in plain text too. */
  get alwaysReadTexts(): readonly string[] {
    const { tokens, types } = this.#file;
    return tokens.filter((_, token) => types?.[token] === CONTROL_TYPE && !this.isControl(token));
  }

  /**
   * Whether the vocabulary puts a space before the first word of a text (SentencePiece, unless the file disables it).
   */
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
