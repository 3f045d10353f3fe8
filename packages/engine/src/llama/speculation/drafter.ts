import type { Memory } from '../binding.ts';
import type { Token } from '../native-types.ts';

/** The tokens of a slot, including the last sampled one. Not copied, because the list is long and read every step. */
export interface SlotText {
  readonly length: number;
  /** Token `index`, below `length`. */
  at(index: number): Token;
}

/** A request for draft tokens of one slot. */
export interface DraftRequest {
  /** Id of the slot: a drafter may keep state per slot. */
  readonly slot: number;
  readonly text: SlotText;
  /** Maximum number of draft tokens; at least 1. */
  readonly most: number;
}

/** Drafts the next tokens. A wrong token costs only time, because the model checks every token. */
export interface Drafter {
  /** One list per request, in order; empty if there is no draft. */
  draft(requests: readonly DraftRequest[]): Promise<readonly (readonly Token[])[]>;
  /** Bytes, in addition to those of the model. */
  memory(): Memory;
  dispose(): Promise<void>;
}
