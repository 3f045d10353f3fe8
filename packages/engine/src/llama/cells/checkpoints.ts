import type { NativeCheckpoint, NativeContext } from '../native-types.ts';
import type { Slot } from './slots.ts';

/** The state of a sequence at `length` tokens. The earlier cells are not part of it. */
export interface Checkpoint {
  readonly length: number;
  readonly bytes: number;
  readonly state: NativeCheckpoint;
}

export interface CheckpointsOptions {
  readonly context: NativeContext;
  readonly create: () => NativeCheckpoint;
  /** Bytes of all checkpoints together, at most. */
  readonly maxBytes: number;
}

/** Maximum number of checkpoints per sequence. */
const MAX_PER_SEQUENCE = 16;

/** Minimum distance between two checkpoints, in tokens. For fewer, decoding costs less than taking one. */
const MIN_CHECKPOINT_TOKENS = 64;

/**
 * Checkpoints of the slots, for models whose cells cannot be cut. Each list has one owner: a slot or saved cells.
 *
 * Bounded per list in number, and over all lists in bytes. A full list drops checkpoints so that it stays dense at its
 * end and sparse at its start (`leastUseful`), because most prompts diverge from a conversation near its end. The
 * longest list drops first, so that a busy conversation does not cost another its last checkpoint.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #bySlot = new Map<number, Checkpoint[]>();
  /** Each checkpoint with its list, oldest first. */
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

  /** Saves the current state of `slot`. Never throws: without a checkpoint, a prompt is decoded from its start. */
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

  /** Restores the state of `slot` at its first `length` tokens. False on failure; its cells are then unreliable. */
  async restore(slot: Slot, length: number): Promise<boolean> {
    const checkpoint = this.#list(slot).find((candidate) => candidate.length === length);
    if (checkpoint === undefined) return false;
    try {
      return await this.#options.context.restoreCheckpoint(checkpoint.state, length - 1, slot.id);
    } catch {
      return false;
    }
  }

  /** `slot` was cut to `length` tokens. */
  cut(slot: Slot, length: number): void {
    this.dropAll(this.#list(slot).filter((checkpoint) => checkpoint.length > length));
  }

  /** Removes the checkpoints beyond `length` from `slot`. The caller has to drop the list or give it to a slot. */
  release(slot: Slot, length: number): Checkpoint[] {
    const list = this.#list(slot);
    const released = list.splice(
      list.findLastIndex((checkpoint) => checkpoint.length <= length) + 1,
    );
    for (const checkpoint of released) this.#lists.set(checkpoint, released);
    return released;
  }

  /** Gives `list` to `slot`, which now holds its cells. */
  adopt(slot: Slot, list: Checkpoint[]): void {
    this.dropAll(this.#list(slot));
    this.#bySlot.set(slot.id, list);
  }

  dropAll(list: readonly Checkpoint[]): void {
    for (const checkpoint of list.slice()) this.#drop(checkpoint);
  }

  /** The checkpoint to drop next. */
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

/** If no list has more checkpoints than this, the oldest of all is dropped. */
const MIN_PER_SEQUENCE = 3;

/**
 * The checkpoint with the lowest cost of loss: decoding then starts from the one before, which adds the gap between
 * them, and the chance of that falls with the distance from the end. The last checkpoint is kept.
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

/** Distance of checkpoints far from the end of a long prompt, in tokens. */
const FAR_INTERVAL = 8192;

/** The last batches of a prompt that get one checkpoint each, because a message may be edited there. */
const NEAR_BATCHES = 8;

/**
 * Distance of the last checkpoint from the end. The next turn shares a prompt up to the text that the template writes
 * after the last message (the start of the answer and of its reasoning); a repeated prompt shares all but its last
 * token.
 */
const PROMPT_END_TOKENS = 8;

export interface PromptProgress {
  readonly decoded: number;
  readonly promptTokens: number;
  /** Tokens of one batch: the maximum to decode from a checkpoint near the end of the prompt. */
  readonly batchTokens: number;
}

/** The next position at which decoding stops for a checkpoint, or the length of the prompt if there is none. */
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
