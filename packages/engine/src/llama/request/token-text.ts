import type { Model } from '../binding.ts';
import type { Token } from '../native-types.ts';

/** What of a model texts are read from. */
export type TextModel = Pick<Model, 'detokenize' | 'joinsTokens'>;

/** Tokens of one character that is spread over several; no character has more bytes. */
const MAX_PENDING = 8;

/**
 * Texts of single tokens, remembered: most tokens are whole characters, whatever stands around them.
 *
 * Control tokens are silent but for those in `visible` (the markers that parsers look for).
 */
export class TokenTexts {
  readonly #model: TextModel;
  readonly #visible: ReadonlySet<Token>;
  readonly #known = new Map<Token, string | null>();

  constructor(model: TextModel, visible: ReadonlySet<Token>) {
    this.#model = model;
    this.#visible = visible;
  }

  /** The text of `token`, or null when it is a part of a character or depends on the token before. */
  textOf(token: Token): string | null {
    const known = this.#known.get(token);
    if (known !== undefined) return known;
    const text = this.#read(token);
    this.#known.set(token, text);
    return text;
  }

  detokenize(tokens: readonly Token[]): string {
    return this.#model.detokenize(tokens, { showSpecial: false });
  }

  get joinsTokens(): boolean {
    return this.#model.joinsTokens;
  }

  #read(token: Token): string | null {
    if (this.#visible.has(token)) return this.#model.detokenize([token], { showSpecial: true });
    if (this.#model.joinsTokens) return null;
    const text = this.detokenize([token]);
    return text.includes('\ufffd') ? null : text;
  }
}

/** Turns tokens into text as they come; a character is handed out only when it is whole. */
export class TokenDecoder {
  readonly #texts: TokenTexts;
  #pending: Token[] = [];
  /** The token before the pending ones, where texts depend on it. */
  #before: Token | undefined;

  constructor(texts: TokenTexts) {
    this.#texts = texts;
  }

  /** The text that `token` completes; empty while a character is unfinished. */
  push(token: Token): string {
    if (this.#pending.length === 0) {
      const text = this.#texts.textOf(token);
      if (text !== null) {
        this.#before = token;
        return text;
      }
    }
    this.#pending.push(token);
    const text = this.#pendingText();
    return text.endsWith('\ufffd') && this.#pending.length < MAX_PENDING ? '' : this.#take(text);
  }

  /** What is left when generation ends; a broken character comes as U+FFFD. */
  end(): string {
    return this.#pending.length === 0 ? '' : this.#take(this.#pendingText());
  }

  #pendingText(): string {
    if (!this.#texts.joinsTokens || this.#before === undefined)
      return this.#texts.detokenize(this.#pending);
    const before = this.#texts.detokenize([this.#before]);
    return this.#texts.detokenize([this.#before, ...this.#pending]).slice(before.length);
  }

  #take(text: string): string {
    this.#before = this.#pending.at(-1);
    this.#pending = [];
    return text;
  }
}
