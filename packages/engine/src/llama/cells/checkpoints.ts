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

/** Checkpoints of one sequence at most. */
const MAX_PER_SEQUENCE = 16;

/** A checkpoint must be this much ahead of the one before it: below, decoding costs less than taking it. */
const MIN_CHECKPOINT_TOKENS = 64;

/**
 * Checkpoints of the slots, for models whose cells cannot be cut. Whoever holds a list (a slot, saved cells) owns it.
 *
 * Bounded per list and in bytes over all lists. A list that has to give one up keeps them dense at its end and sparse at
 * its beginning (`leastUseful`): most prompts part from a conversation near its end. The longest list gives up first, so
 * that a busy conversation does not cost another its last one.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #bySlot = new Map<number, Checkpoint[]>();
  /** Every checkpoint with the list it is in, in the order in which they were taken. */
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

  /** Tokens of `slot` since its last checkpoint. */
  tokensSince(slot: Slot): number {
    return slot.cells.length - (this.#list(slot).at(-1)?.length ?? 0);
  }

  /** Saves the state of `slot` as it is. Never throws: without a checkpoint a prompt is decoded from its start. */
  async take(slot: Slot): Promise<void> {
    const length = slot.cells.length;
    const list = this.#list(slot);
    if (this.tokensSince(slot) < MIN_CHECKPOINT_TOKENS) return;
    const state = this.#options.create();
    try {
      await state.init(this.#options.context, slot.id);
    } catch {
      state.dispose();
      return;
    }
    this.#add({ length, bytes: state.size, state }, list);
    if (list.length > MAX_PER_SEQUENCE) this.#drop(leastUseful(list));
    while (this.#bytes > this.#options.maxBytes) this.#drop(this.#next());
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

  /** The checkpoint to give up next. */
  #next(): Checkpoint | undefined {
    const [oldest] = this.#lists.keys();
    const longest = this.#lists
      .values()
      .reduce<readonly Checkpoint[]>((most, list) => (list.length > most.length ? list : most), []);
    return longest.length > MIN_PER_SEQUENCE ? leastUseful(longest) : oldest;
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

/** With no more than these in any list, the checkpoint taken first is given up, whoever it belongs to. */
const MIN_PER_SEQUENCE = 3;

/**
 * The checkpoint whose loss costs least: without it, decoding from the one before takes longer by the gap between them,
 * and the further from the end, the less likely that is to happen. The last one stays.
 */
export function leastUseful<C extends Pick<Checkpoint, 'length'>>(
  list: readonly C[],
): C | undefined {
  const end = list.at(-1)?.length ?? 0;
  let least = list[0];
  let leastUse = Infinity;
  for (const [index, checkpoint] of list.slice(0, -1).entries()) {
    const gap = checkpoint.length - (list[index - 1]?.length ?? 0);
    const use = gap / (end - checkpoint.length);
    if (use < leastUse) [least, leastUse] = [checkpoint, use];
  }
  return least;
}

/** Tokens between two checkpoints of a long prompt, far from its end. */
const FAR_INTERVAL = 8192;

/** From so many batches before the end of a prompt there is a checkpoint per batch: a message may be edited there. */
const NEAR_BATCHES = 8;

/**
 * The next turn of a conversation shares a prompt except for what the template writes after the last message (the opening
 * of the answer and of its thoughts), and a repeated prompt all but its last token.
 */
const PROMPT_END_TOKENS = 8;

export interface PromptProgress {
  readonly decoded: number;
  readonly promptTokens: number;
  /** Tokens of one batch: the most that decoding from the last checkpoint may take near the end of the prompt. */
  readonly batchTokens: number;
}

/** Where the decoding of a prompt stops next so that a checkpoint can be taken: its own length when nowhere. */
export function nextCheckpoint({ decoded, promptTokens, batchTokens }: PromptProgress): number {
  const end = promptTokens - PROMPT_END_TOKENS;
  if (decoded >= end) return promptTokens;
  const near = end - NEAR_BATCHES * batchTokens;
  const next =
    decoded < near
      ? Math.min(near, (Math.floor(decoded / FAR_INTERVAL) + 1) * FAR_INTERVAL)
      : decoded + batchTokens - ((decoded - near) % batchTokens);
  return Math.min(next, end);
}
