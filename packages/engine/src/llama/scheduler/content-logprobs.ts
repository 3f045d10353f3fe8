import type { TokenLogprob } from '../../engine/generate.ts';

interface Noted {
  readonly logprob: TokenLogprob;
  /** Start of the token's text in the whole answer, including markers and reasoning, in UTF-16 units. */
  readonly start: number;
  /** Undefined while the token is part of an incomplete character. */
  end: number | undefined;
}

/** Selects the log-probabilities of the tokens that form content. */
export class ContentLogprobs {
  readonly #waiting: Noted[] = [];
  #read = 0;
  /** Log-probabilities of content that is not emitted yet, with their position in the content. */
  readonly #content: { readonly logprob: TokenLogprob; readonly start: number }[] = [];
  #contentRead = 0;

  /** Adds a token that completes `chars` characters of text; 0 for a part of a character. */
  add(chars: number, logprob: TokenLogprob | undefined): void {
    if (logprob !== undefined) this.#waiting.push({ logprob, start: this.#read, end: undefined });
    this.#read += chars;
    if (chars > 0) for (const noted of this.#waiting) noted.end ??= this.#read;
  }

  /** Marks `chars` characters at `at` as content. Earlier text that was not marked is not content. */
  isContent(at: number, chars: number): void {
    const end = at + chars;
    const behind = this.#waiting.findIndex(({ start }) => start >= end);
    const before = this.#waiting.splice(0, behind < 0 ? this.#waiting.length : behind);
    for (const { logprob, start, end: ownEnd = end } of before)
      if (ownEnd > at)
        this.#content.push({ logprob, start: this.#contentRead + Math.max(0, start - at) });
    this.#contentRead += chars;
  }

  /** Removes and returns the log-probabilities of the content before position `end`. */
  takeBefore(end: number): readonly TokenLogprob[] {
    const first = this.#content.findIndex(({ start }) => start >= end);
    const taken = this.#content.splice(0, first < 0 ? this.#content.length : first);
    return taken.map(({ logprob }) => logprob);
  }
}
