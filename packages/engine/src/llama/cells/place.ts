import type { Slot } from './slots.ts';

/** A slot and its use for one prompt. */
export interface SlotCandidate {
  readonly slot: Slot;
  /** Length of the prefix that the slot and the prompt share. */
  readonly shared: number;
  /** Tokens of that prefix that can be reused in this slot; fewer if cells cannot be cut. */
  readonly kept: number;
  /** Tokens of that prefix that can be reused after a copy to another slot. */
  readonly copied: number;
}

/** Saved cells and their use for one prompt. */
export interface SavedCandidate<E> {
  readonly entry: E;
  /** Cells in the file. */
  readonly cells: number;
  /** Tokens of the prompt that need not be decoded with them. */
  readonly kept: number;
}

/** A slot for a prompt, and the source of the cells that it reuses. */
export interface Place<E> {
  readonly slot: Slot;
  /** Prompt tokens that need not be decoded. */
  readonly kept: number;
  /** Cells of the slot that are not part of the prompt and will be lost. */
  readonly lost: number;
  readonly from:
    | { readonly kind: 'own' }
    /** The cells are copied from another slot. */
    | { readonly kind: 'slot'; readonly slot: Slot }
    /** `cells` saved cells are read. */
    | { readonly kind: 'saved'; readonly entry: E; readonly cells: number };
}
