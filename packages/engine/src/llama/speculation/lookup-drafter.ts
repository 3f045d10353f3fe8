import type { Token } from '../native-types.ts';
import type { Drafter, DraftRequest, SlotText } from './drafter.ts';

/** Length of a repetition before its continuation is drafted, in tokens. Shorter ones give more wrong drafts. */
const NGRAM = 3;

/** Drafts repetitions of the text: code edits, quotations, summaries. Needs no model memory and almost no time. */
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

/**
 * The last position of each sequence of `NGRAM` tokens in one slot. Updated incrementally, so a step costs only its new
 * tokens.
 */
class NgramIndex {
  readonly #lastEnd = new Map<number, number>();
  /** Copy of the indexed tokens, to detect that a slot holds another text. */
  readonly #tokens: Token[] = [];

  draft({ text, most }: DraftRequest): Token[] {
    this.#follow(text);
    const at = this.#lastEnd.get(hashEndingAt(text, text.length));
    if (at === undefined || !isAlike(text, at)) return [];
    const length = Math.min(most, text.length - at);
    return Array.from({ length }, (_, index) => text.at(at + index));
  }

  /** Indexes the new tokens, except the last n-gram, which is the one to look up. */
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

  /**
   * Compares only the start and the end of the indexed tokens. If two texts agree in both, the only harm is bad drafts.
   */
  #isContinuedBy(text: SlotText): boolean {
    const known = this.#tokens;
    if (known.length > text.length) return false;
    const ends = [0, 1, 2, known.length - 3, known.length - 2, known.length - 1];
    return ends.every((at) => at < 0 || at >= known.length || known[at] === text.at(at));
  }
}

/** 32 bits. Different n-grams may have the same hash, so a hit is compared. */
function hashEndingAt(text: SlotText, end: number): number {
  if (end < NGRAM) return 0;
  return (
    Math.imul(text.at(end - 3), 0x9e3779b1) ^
    Math.imul(text.at(end - 2), 0x85ebca6b) ^
    text.at(end - 1)
  );
}

/** Whether the n-gram that ends at `end` equals the last one of the text. */
function isAlike(text: SlotText, end: number): boolean {
  for (let back = 1; back <= NGRAM; back++)
    if (text.at(end - back) !== text.at(text.length - back)) return false;
  return true;
}
