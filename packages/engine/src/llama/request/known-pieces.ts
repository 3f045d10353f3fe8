import { createHash } from 'node:crypto';

/** Tokens that are remembered in all, 4 bytes each. */
const MAX_TOKENS = 2 ** 21;

/** What a piece takes beside its tokens, counted as so many of them. */
const TOKENS_PER_PIECE = 64;

/**
 * Tokens of pieces of text that were seen before, used longest ago forgotten first.
 *
 * The next turn of a long chat holds all pieces of the one before, and making tokens costs up to 9 µs a character: 60,000
 * tokens of gpt-oss two seconds. Pieces are known by their SHA-256: as keys they would keep the whole texts they were
 * cut from.
 */
export class KnownPieces {
  readonly #maxTokens: number;
  readonly #pieces = new Map<string, Uint32Array>();
  #tokens = 0;

  constructor(maxTokens = MAX_TOKENS) {
    this.#maxTokens = maxTokens;
  }

  /** @param kind - Whatever else the tokens depend on. */
  tokensOf(piece: string, kind: string, make: () => Uint32Array): Uint32Array {
    const key = kind + createHash('sha256').update(piece).digest('base64');
    const tokens = this.#pieces.get(key) ?? make();
    if (!this.#pieces.delete(key)) this.#tokens += tokens.length + TOKENS_PER_PIECE;
    this.#pieces.set(key, tokens);
    for (const [oldest, { length }] of this.#pieces) {
      if (this.#tokens <= this.#maxTokens) break;
      this.#pieces.delete(oldest);
      this.#tokens -= length + TOKENS_PER_PIECE;
    }
    return tokens;
  }
}
