import type { NativeCheckpoint, NativeContext } from '../native-types.ts';
import type { Slot } from './slots.ts';

/** The state of a sequence as it was when it held `length` tokens; its cells before that are not part of it. */
export interface Checkpoint {
  readonly length: number;
  readonly bytes: number;
  readonly state: NativeCheckpoint;
}

export interface CheckpointsOptions {
  readonly context: NativeContext;
  readonly create: () => NativeCheckpoint;
  /** Bytes that all of them may take together. */
  readonly maxBytes: number;
}

/** Checkpoints of one sequence at most: the newest of a long conversation are the ones asked for. */
const MAX_A_SEQUENCE = 16;

/** A checkpoint this much ahead of the one before it is worth its memory; below, decoding costs less than taking it. */
const MIN_CHECKPOINT_TOKENS = 64;

/**
 * Checkpoints of the slots, for models whose cells cannot be cut. Whoever holds a list (a slot, saved cells) owns it.
 *
 * Bounded in bytes over all lists: the one taken first goes first.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #bySlot = new Map<number, Checkpoint[]>();
  /** Every checkpoint with the list it is in, in the order they were taken. */
  readonly #lists = new Map<Checkpoint, Checkpoint[]>();
  #bytes = 0;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  of(slot: Slot): readonly Checkpoint[] {
    return this.#list(slot);
  }

  /** Notes the state of `slot` as it is. Never throws: without checkpoint a prompt is decoded from its start. */
  async take(slot: Slot): Promise<void> {
    const length = slot.cells.length;
    const list = this.#list(slot);
    if (length - (list.at(-1)?.length ?? 0) < MIN_CHECKPOINT_TOKENS) return;
    const state = this.#options.create();
    try {
      await state.init(this.#options.context, slot.id);
    } catch {
      state.dispose();
      return;
    }
    this.#add({ length, bytes: state.size, state }, list);
    if (list.length > MAX_A_SEQUENCE) this.#drop(list[0]);
    for (const oldest of this.#lists.keys()) {
      if (this.#bytes <= this.#options.maxBytes) break;
      this.#drop(oldest);
    }
  }

  /** Brings the state of `slot` back to the first `length` tokens. False when it did not work: its cells are in doubt. */
  async restore(slot: Slot, length: number): Promise<boolean> {
    const checkpoint = this.#list(slot).find((candidate) => candidate.length === length);
    if (checkpoint === undefined) return false;
    try {
      return await this.#options.context.restoreCheckpoint(checkpoint.state, length - 1, slot.id);
    } catch {
      return false;
    }
  }

  /** `slot` holds only `length` tokens any more. */
  cut(slot: Slot, length: number): void {
    this.dropAll(this.#list(slot).filter((checkpoint) => checkpoint.length > length));
  }

  /** Takes those beyond `length` away from `slot`: whoever gets the list drops it, or gives it to a slot. */
  release(slot: Slot, length: number): Checkpoint[] {
    const list = this.#list(slot);
    const released = list.splice(
      list.findLastIndex((checkpoint) => checkpoint.length <= length) + 1,
    );
    for (const checkpoint of released) this.#lists.set(checkpoint, released);
    return released;
  }

  /** `slot` holds the cells that `list` belongs to. */
  adopt(slot: Slot, list: Checkpoint[]): void {
    this.dropAll(this.#list(slot));
    this.#bySlot.set(slot.id, list);
  }

  dropAll(list: readonly Checkpoint[]): void {
    for (const checkpoint of list.slice()) this.#drop(checkpoint);
  }

  #list(slot: Slot): Checkpoint[] {
    const list = this.#bySlot.get(slot.id) ?? [];
    this.#bySlot.set(slot.id, list);
    return list;
  }

  #add(checkpoint: Checkpoint, list: Checkpoint[]): void {
    list.push(checkpoint);
    this.#lists.set(checkpoint, list);
    this.#bytes += checkpoint.bytes;
  }

  #drop(checkpoint: Checkpoint | undefined): void {
    const list = checkpoint && this.#lists.get(checkpoint);
    if (checkpoint === undefined || list === undefined) return;
    list.splice(list.indexOf(checkpoint), 1);
    this.#lists.delete(checkpoint);
    this.#bytes -= checkpoint.bytes;
    checkpoint.state.dispose();
  }
}

/** A long prompt leaves a checkpoint each so many tokens. */
const CHECKPOINT_INTERVAL = 8192;

/**
 * The next conversation turn shares a prompt but for what the template put behind the last message (the opening of the
 * answer, of its thoughts), and a repeated prompt all but the last token: so much before the end is the place to go on.
 */
const PROMPT_END_TOKENS = 8;

/** Where the decoding of a prompt stops next so that a checkpoint can be taken: its own length when nowhere. */
export function nextCheckpoint(decoded: number, promptTokens: number): number {
  const interval = (Math.floor(decoded / CHECKPOINT_INTERVAL) + 1) * CHECKPOINT_INTERVAL;
  const end = promptTokens - PROMPT_END_TOKENS;
  const next = end > decoded ? Math.min(interval, end) : interval;
  return Math.min(next, promptTokens);
}
