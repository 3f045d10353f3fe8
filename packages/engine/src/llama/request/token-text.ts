import type { Token } from '../native-types.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { textOfBytes } from './text-of-bytes.ts';

/** The parts of a vocabulary that are needed to make texts. */
export type TextVocabulary = Pick<Vocabulary, 'bytesOf' | 'isControl' | 'hidesFirstSpace'>;

const SILENT = new Uint8Array();

/**
 * A cache of the texts of single tokens. Most tokens are complete characters in every context.
 *
 * The texts are made from bytes, because the library's detokenizer changes texts for some families (` .` becomes `.`).
 * Control tokens have no text, except those in `visible` (the markers that parsers need).
 */
export class TokenTexts {
  readonly #vocabulary: TextVocabulary;
  readonly #visible: ReadonlySet<Token>;
  readonly #known = new Map<Token, string | null>();

  constructor(vocabulary: TextVocabulary, visible: ReadonlySet<Token>) {
    this.#vocabulary = vocabulary;
    this.#visible = visible;
  }

  /** The text of `token`, or null if it is a part of a character. */
  textOf(token: Token): string | null {
    const known = this.#known.get(token);
    if (known !== undefined) return known;
    const text = textOfBytes(this.bytesOf(token));
    const whole = text.includes('\ufffd') ? null : text;
    this.#known.set(token, whole);
    return whole;
  }

  bytesOf(token: Token): Uint8Array {
    const isSilent = this.#vocabulary.isControl(token) && !this.#visible.has(token);
    return isSilent ? SILENT : this.#vocabulary.bytesOf(token);
  }

  /** Whether the vocabulary adds a space before the first word of a text. */
  get hidesFirstSpace(): boolean {
    return this.#vocabulary.hidesFirstSpace;
  }
}

export interface DecoderOptions {
  /** The text starts here: the space that some vocabularies add before the first word is dropped. */
  readonly startsText: boolean;
}

/** Converts tokens to text as they arrive. Emits only complete characters. */
export class TokenDecoder {
  readonly #texts: TokenTexts;
  /** The start of an incomplete character. */
  #unfinished: Uint8Array = SILENT;
  #hidesSpace: boolean;

  constructor(texts: TokenTexts, { startsText }: DecoderOptions) {
    this.#texts = texts;
    this.#hidesSpace = startsText && texts.hidesFirstSpace;
  }

  /** The text that `token` completes; empty while a character is incomplete. */
  push(token: Token): string {
    const whole = this.#unfinished.length === 0 ? this.#texts.textOf(token) : null;
    return this.#shown(whole ?? this.#complete(this.#texts.bytesOf(token)));
  }

  /** The rest at the end of generation; an incomplete character becomes U+FFFD. */
  end(): string {
    const left = this.#unfinished;
    this.#unfinished = SILENT;
    return textOfBytes(left);
  }

  #complete(more: Uint8Array): string {
    const bytes = new Uint8Array([...this.#unfinished, ...more]);
    const start = startOfUnfinished(bytes);
    this.#unfinished = bytes.subarray(start);
    return textOfBytes(bytes.subarray(0, start));
  }

  #shown(text: string): string {
    if (!this.#hidesSpace || text === '') return text;
    this.#hidesSpace = false;
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}

/** The start of the last character if it is incomplete; otherwise the end of `bytes`. */
function startOfUnfinished(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 3); at--) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80 && byte < 0xc0) continue;
    if (byte < 0xc2 || byte > 0xf4) break;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return at + length > bytes.length ? at : bytes.length;
  }
  return bytes.length;
}
