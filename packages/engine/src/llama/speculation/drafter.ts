import type { Memory } from '../binding.ts';
import type { Token } from '../native-types.ts';

/** The tokens of a slot so far, the one sampled last included; not copied, because it is long and asked for each step. */
export interface SlotText {
  readonly length: number;
  /** Token `index`, below `length`. */
  at(index: number): Token;
}

/** A slot that wants draft tokens. */
export interface DraftRequest {
  /** Number of the slot: a drafter may keep something of each. */
  readonly slot: number;
  readonly text: SlotText;
  /** Tokens wanted at most; at least 1. */
  readonly most: number;
}

/** Drafts the tokens that follow. A wrong one costs time, never text: the model checks every token itself. */
export interface Drafter {
  /** One list per request, in their order; empty where there is nothing to draft. */
  draft(requests: readonly DraftRequest[]): Promise<readonly (readonly Token[])[]>;
  /** Bytes, beside those of the model. */
  memory(): Memory;
  dispose(): Promise<void>;
}
