import type { TokenLogprob } from '../../engine.ts';

interface Noted {
  readonly logprob: TokenLogprob;
  /** Where its text begins in the answer, markers and thoughts included; UTF-16 units. */
  readonly start: number;
  /** Undefined while the character that it is a part of is not whole. */
  end: number | undefined;
}

/** Log-probabilities of the tokens of one answer, of which the caller gets those of the content. */
export class ContentLogprobs {
  readonly #waiting: Noted[] = [];
  #read = 0;
  /** Those of content that may still turn out to be a stop string, by where it begins in the content. */
  readonly #content: { readonly logprob: TokenLogprob; readonly start: number }[] = [];
  #contentRead = 0;

  /** A token was drawn that completes `chars` of text, none for a part of a character. */
  add(chars: number, logprob: TokenLogprob | undefined): void {
    if (logprob !== undefined) this.#waiting.push({ logprob, start: this.#read, end: undefined });
    this.#read += chars;
    if (chars > 0) for (const noted of this.#waiting) noted.end ??= this.#read;
  }

  /** The text of so many characters at `at` is content; what is before it and was not content, is not. */
  isContent(at: number, chars: number): void {
    const end = at + chars;
    const behind = this.#waiting.findIndex(({ start }) => start >= end);
    const before = this.#waiting.splice(0, behind < 0 ? this.#waiting.length : behind);
    for (const { logprob, start, end: ownEnd = end } of before)
      if (ownEnd > at)
        this.#content.push({ logprob, start: this.#contentRead + Math.max(0, start - at) });
    this.#contentRead += chars;
  }

  /** Takes those of the content before `end`, a place in the content. */
  takeBefore(end: number): readonly TokenLogprob[] {
    const first = this.#content.findIndex(({ start }) => start >= end);
    const taken = this.#content.splice(0, first < 0 ? this.#content.length : first);
    return taken.map(({ logprob }) => logprob);
  }
}
