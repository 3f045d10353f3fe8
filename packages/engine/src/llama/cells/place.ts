import type { Slot } from './slots.ts';

/** A slot as one prompt sees it. */
export interface SlotCandidate {
  readonly slot: Slot;
  /** Tokens of the prompt that its cells begin with. */
  readonly shared: number;
  /** Of these, what can serve the prompt in this slot; fewer where cells cannot be cut. */
  readonly kept: number;
  /** Of these, what can serve it after a copy to another slot. */
  readonly copied: number;
}

/** Saved cells as one prompt sees them. */
export interface SavedCandidate<E> {
  readonly entry: E;
  /** Cells in the file. */
  readonly cells: number;
  /** Tokens of the prompt that they would serve. */
  readonly kept: number;
}

/** Where a prompt goes, and what of it is there already. */
export interface Place<E> {
  readonly slot: Slot;
  /** Prompt tokens that need not be decoded. */
  readonly kept: number;
  /** Cells of the slot that are not part of the prompt and will be gone. */
  readonly lost: number;
  readonly from:
    | { readonly kind: 'own' }
    /** Another slot: its cells are copied. */
    | { readonly kind: 'slot'; readonly slot: Slot }
    /** Saved cells, so many. */
    | { readonly kind: 'saved'; readonly entry: E; readonly cells: number };
}
