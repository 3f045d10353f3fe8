import type { Memory } from '../binding.ts';
import type { Token } from '../native-types.ts';

/** The tokens of a slot so far, the one drawn last included; not copied, because it is long and asked for each step. */
export interface SlotText {
  readonly length: number;
  /** Token `index`, below `length`. */
  at(index: number): Token;
}

/** What a slot wants guessed. */
export interface DraftRequest {
  /** Number of the slot: a drafter may keep something of each. */
  readonly slot: number;
  readonly text: SlotText;
  /** Tokens wanted at most; at least 1. */
  readonly most: number;
}

/** Guesses the tokens that follow. A wrong guess costs time, never text: the model checks every token itself. */
export interface Drafter {
  /** One list a request, in their order; empty where there is nothing to guess. */
  draft(requests: readonly DraftRequest[]): Promise<readonly (readonly Token[])[]>;
  /** Bytes, beside those of the model. */
  memory(): Memory;
  dispose(): Promise<void>;
}
