import { createHash } from 'node:crypto';

/** The most cached tokens, 4 bytes each. */
const MAX_TOKENS = 2 ** 21;

/** The overhead of a piece, in tokens. */
const TOKENS_PER_PIECE = 64;

/**
 * An LRU cache of the tokens of pieces of text.
 *
 * The next turn of a long chat contains all pieces of the previous turn, and tokenizing costs up to 9 µs per character:
 * two seconds for 60,000 tokens of gpt-oss. The keys are SHA-256 hashes, because substrings would keep the complete
 * texts in memory.
 */
export class KnownPieces {
  readonly #maxTokens: number;
  readonly #pieces = new Map<string, Uint32Array>();
  #tokens = 0;

  constructor(maxTokens = MAX_TOKENS) {
    this.#maxTokens = maxTokens;
  }

  /** @param kind - Everything else that the tokens depend on. */
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
