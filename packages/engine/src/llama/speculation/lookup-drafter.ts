import type { Token } from '../native-types.ts';
import type { Drafter, DraftRequest, SlotText } from './drafter.ts';

/** Tokens that must repeat before the ones after them are drafted; fewer are wrong more often. */
const NGRAM = 3;

/** Drafts that the text repeats itself: code edits, quotations, summaries. Costs no memory and next to no time. */
export class LookupDrafter implements Drafter {
  readonly #indexes = new Map<number, NgramIndex>();

  draft(requests: readonly DraftRequest[]): Promise<readonly (readonly Token[])[]> {
    return Promise.resolve(requests.map((request) => this.#indexOf(request.slot).draft(request)));
  }

  memory(): { ram: number; vram: number } {
    return { ram: 0, vram: 0 };
  }

  dispose(): Promise<void> {
    this.#indexes.clear();
    return Promise.resolve();
  }

  #indexOf(slot: number): NgramIndex {
    const index = this.#indexes.get(slot) ?? new NgramIndex();
    this.#indexes.set(slot, index);
    return index;
  }
}

/** Where each sequence of `NGRAM` tokens was last seen in one slot. Grows with the text, so a step costs its new tokens. */
class NgramIndex {
  readonly #lastEnd = new Map<number, number>();
  /** Copy of what is indexed: a slot that took up another text is noticed by it. */
  readonly #tokens: Token[] = [];

  draft({ text, most }: DraftRequest): Token[] {
    this.#follow(text);
    const at = this.#lastEnd.get(hashEndingAt(text, text.length));
    if (at === undefined || !isAlike(text, at)) return [];
    const length = Math.min(most, text.length - at);
    return Array.from({ length }, (_, index) => text.at(at + index));
  }

  /** Takes up what is new; the last n-gram stays out, because it is what is looked for. */
  #follow(text: SlotText): void {
    if (!this.#isContinuedBy(text)) {
      this.#lastEnd.clear();
      this.#tokens.length = 0;
    }
    for (let end = this.#tokens.length + 1; end < text.length; end++) {
      this.#tokens.push(text.at(end - 1));
      if (end >= NGRAM) this.#lastEnd.set(hashEndingAt(text, end), end);
    }
  }

  /** Looks at the end of what is indexed and at its beginning: two texts alike in both would only give bad drafts. */
  #isContinuedBy(text: SlotText): boolean {
    const known = this.#tokens;
    if (known.length > text.length) return false;
    const ends = [0, 1, 2, known.length - 3, known.length - 2, known.length - 1];
    return ends.every((at) => at < 0 || at >= known.length || known[at] === text.at(at));
  }
}

/** 32 bits; different n-grams may share a hash, so a hit is compared. */
function hashEndingAt(text: SlotText, end: number): number {
  if (end < NGRAM) return 0;
  return (
    Math.imul(text.at(end - 3), 0x9e3779b1) ^
    Math.imul(text.at(end - 2), 0x85ebca6b) ^
    text.at(end - 1)
  );
}

/** Whether the n-gram that ends at `end` is the one at the end of the text. */
function isAlike(text: SlotText, end: number): boolean {
  for (let back = 1; back <= NGRAM; back++)
    if (text.at(end - back) !== text.at(text.length - back)) return false;
  return true;
}
