import type { Token } from '../native-types.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { textOfBytes } from './text-of-bytes.ts';

/** What of a vocabulary texts are made with. */
export type TextVocabulary = Pick<Vocabulary, 'bytesOf' | 'isControl' | 'hidesFirstSpace'>;

const SILENT = new Uint8Array();

/**
 * Texts of single tokens, remembered: most tokens are whole characters, whatever stands around them.
 *
 * Made of their bytes, because the library's own way to a text rewrites it for some families (` .` becomes `.`). Control tokens are
 * silent but for those in `visible` (the markers that parsers look for).
 */
export class TokenTexts {
  readonly #vocabulary: TextVocabulary;
  readonly #visible: ReadonlySet<Token>;
  readonly #known = new Map<Token, string | null>();

  constructor(vocabulary: TextVocabulary, visible: ReadonlySet<Token>) {
    this.#vocabulary = vocabulary;
    this.#visible = visible;
  }

  /** The text of `token`, or null when it is a part of a character. */
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

  /** Whether the space before the first word of a text is the vocabulary's. */
  get hidesFirstSpace(): boolean {
    return this.#vocabulary.hidesFirstSpace;
  }
}

export interface DecoderOptions {
  /** Nothing stands before this text: the space that some vocabularies put before its first word is no part of it. */
  readonly startsText: boolean;
}

/** Turns tokens into text as they come; a character is handed out only when it is whole. */
export class TokenDecoder {
  readonly #texts: TokenTexts;
  /** The beginning of a character. */
  #unfinished: Uint8Array = SILENT;
  #hidesSpace: boolean;

  constructor(texts: TokenTexts, { startsText }: DecoderOptions) {
    this.#texts = texts;
    this.#hidesSpace = startsText && texts.hidesFirstSpace;
  }

  /** The text that `token` completes; empty while a character is unfinished. */
  push(token: Token): string {
    const whole = this.#unfinished.length === 0 ? this.#texts.textOf(token) : null;
    return this.#shown(whole ?? this.#complete(this.#texts.bytesOf(token)));
  }

  /** What is left when generation ends; a broken character comes as U+FFFD. */
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

/** Where the last character begins when its end is missing; else the end of `bytes`. */
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
