import { copyFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { PromptCacheStats } from '../../engine/stats.ts';
import type { NativeContext } from '../native-types.ts';
import type { Checkpoint } from '../cells/checkpoints.ts';
import type { SlotCells } from '../cells/slot-cells.ts';
import type { SavedCandidate } from '../cells/place.ts';
import { type CostRates, fileMs } from '../cells/place-cost.ts';
import { sharedTokens, type Slot } from '../cells/slots.ts';
import type { CacheFolder } from './cache-folder.ts';
import type { SavedState } from './state-index.ts';
import { checksumOf } from './checksum.ts';
import {
  estimateBytes,
  MIN_LOST_TOKENS,
  planSave,
  type SavedCells,
  type SizeSample,
} from './cache-plan.ts';

/** Write speed of tmpfs on two shared cores; reading is slightly faster. */
const MOVED_BYTES_PER_MS = (1.2 * 1024 ** 3) / 1000;

/** The cells of a conversation that lost its slot. */
export interface CacheEntry extends SavedCells {
  lastUse: number;
  readonly path: string;
  /**
   * Whether the file is in RAM and counts against the bound; else it is in the folder that an earlier engine saved to.
   */
  readonly isInRam: boolean;
  /** Checksum of a file on disk. The library trusts the file, and a wrong count makes it allocate all memory. */
  readonly checksum?: number | undefined;
  /** First position whose cell is in the file. */
  readonly minPosition: number;
  /** Earlier states, for cells that cannot be cut. */
  checkpoints: Checkpoint[];
}

export interface SaveOptions {
  /** Cells that the slot is about to lose. */
  readonly lostTokens: number;
  /** Cells that the slot keeps. */
  readonly keptTokens: number;
  /** An entry that must not be removed. */
  readonly keep?: CacheEntry | undefined;
  readonly rates: CostRates;
}

export interface PromptCacheOptions {
  readonly context: Pick<NativeContext, 'saveSequenceStateToFile' | 'loadSequenceStateFromFile'>;
  readonly cells: SlotCells;
  readonly contextTokens: number;
  /** Memory of the context per cell, including compute buffers. */
  readonly contextBytesPerCell: number;
  /** Undefined: no cells are saved. */
  readonly folder: CacheFolder | undefined;
  readonly log: (line: string) => void;
}

/**
 * Conversations that lost their slot, as files in RAM.
 *
 * Call it only between two decodes. An error costs only its own entry: the prompt is decoded from its start.
 * `cache-plan.ts` decides.
 */
export class PromptCache {
  readonly #options: PromptCacheOptions;
  #entries: CacheEntry[] = [];
  #samples: SizeSample[] = [];
  readonly #logged = new Set<string>();
  #files = 0;
  #fileMoves = 0;
  #uses = 0;
  #hits = 0;

  constructor(options: PromptCacheOptions) {
    this.#options = options;
  }

  /** Most recently used first. */
  get entries(): readonly CacheEntry[] {
    return this.#entries.toSorted((a, b) => b.lastUse - a.lastUse);
  }

  /** A loss of more cells than this is saved; undefined: never saved. */
  get savedFromTokens(): number | undefined {
    return this.#options.folder === undefined ? undefined : MIN_LOST_TOKENS;
  }

  /** Milliseconds to write, read or copy one cell. */
  get moveMsPerCell(): number {
    return this.#options.contextBytesPerCell / MOVED_BYTES_PER_MS;
  }

  /** Number of files written or read so far, including failures. All runs wait for each. */
  get fileMoves(): number {
    return this.#fileMoves;
  }

  stats(): PromptCacheStats {
    const inRam = this.#entries.filter(({ isInRam }) => isInRam);
    const bytes = inRam.reduce((total, entry) => total + entry.bytes, 0);
    return { entries: this.#entries.length, bytes, hits: this.#hits };
  }

  /** Adds cells that an earlier engine saved to disk, oldest first. They are read when a prompt matches them. */
  adopt(saved: readonly SavedState[]): void {
    for (const entry of saved) {
      const lastUse = ++this.#uses;
      this.#entries.push({ ...entry, lastUse, isInRam: false, checkpoints: [] });
      this.#sample({ tokens: entry.tokens.length, bytes: entry.bytes });
    }
  }

  /** The saved cells that the first `limit` tokens of `prompt` can reuse. */
  find(prompt: Uint32Array, limit: number): SavedCandidate<CacheEntry>[] {
    return this.#entries.map((entry) => {
      const shared = Math.min(sharedTokens(entry.tokens, prompt), limit);
      const state = { ...entry, cells: entry.tokens.length };
      const kept = this.#options.cells.reuseSaved(state, shared);
      return { entry, cells: state.cells, kept };
    });
  }

  /** Saves the cells of `slot` if the loss is worth a file. */
  async save(slot: Slot, { lostTokens, keptTokens, keep, rates }: SaveOptions): Promise<void> {
    const { folder, cells } = this.#options;
    if (folder === undefined) return;
    const inRam = this.#entries.filter((entry) => entry.isInRam && entry !== keep);
    const kept = keep?.isInRam === true ? keep.bytes : 0;
    const plan = planSave(inRam, {
      cells: slot.cells,
      lostTokens,
      estimatedBytes: this.estimate(slot),
      writeMs: fileMs(slot.cells.length, rates),
      decodeMsPerToken: rates.decodeMsPerToken,
      maxBytes: folder.maxBytes - kept - cells.checkpoints.bytes,
    });
    if (plan.kind === 'skip') return;
    for (const entry of plan.drop) await this.#drop(entry);
    const path = join(folder.path, `${this.#files++}.state`);
    const tokens = Uint32Array.from(slot.cells);
    const { minPosition } = cells.movedState(slot);
    const bytes = await this.#write(path, slot, tokens);
    if (bytes === undefined) return;
    const checkpoints = cells.checkpoints.release(slot, keptTokens);
    const lastUse = ++this.#uses;
    const entry = { path, tokens, bytes, lastUse, minPosition, isInRam: true, checkpoints };
    this.#entries.push(entry);
    // The first file shows the size of all. If it is too large for the bound, no more are written.
    const unwanted = bytes + kept > folder.maxBytes ? [entry] : plan.replaced;
    for (const one of unwanted) await this.#drop(one);
  }

  /** Loads the cells of `entry` into `slot`, which is empty if the file is broken. */
  async restore(entry: CacheEntry, slot: Slot): Promise<void> {
    const { context, cells, contextTokens } = this.#options;
    this.#fileMoves++;
    cells.drop(slot);
    try {
      if (entry.checksum !== undefined && entry.checksum !== (await checksumOf(entry.path)))
        throw new Error('the checksum of the file is wrong');
      const tokens = await context.loadSequenceStateFromFile(entry.path, slot.id, contextTokens);
      const isWhole = tokens.length === entry.tokens.length;
      if (!isWhole || sharedTokens(tokens, entry.tokens) !== tokens.length)
        throw new Error('the file has the cells of another text');
      for (const token of tokens) slot.cells.push(token);
      cells.checkpoints.adopt(slot, entry.checkpoints);
      entry.checkpoints = [];
      entry.lastUse = ++this.#uses;
      this.#hits++;
    } catch (error) {
      cells.drop(slot);
      this.#logOnce('read', error);
      await this.#drop(entry);
    }
  }

  /** Estimated size of the file of `slot`, in bytes. */
  estimate(slot: Slot): number {
    return estimateBytes(this.#samples, slot.cells.length, this.#options.contextBytesPerCell);
  }

  /** Position of the first cell in the file of `source`, written or not. */
  minPosition(source: Slot | CacheEntry): number {
    return 'path' in source
      ? source.minPosition
      : this.#options.cells.movedState(source).minPosition;
  }

  /** Writes `slot`, or copies the file of an entry, to `path`. Returns its size in bytes, or undefined on failure. */
  async store(source: Slot | CacheEntry, path: string): Promise<number | undefined> {
    if (!('path' in source)) return this.#write(path, source, Uint32Array.from(source.cells));
    try {
      await copyFile(source.path, path);
      return source.bytes;
    } catch (error) {
      this.#logOnce('written', error);
      await rm(path, { force: true });
      return undefined;
    }
  }

  async #write(path: string, slot: Slot, tokens: Uint32Array): Promise<number | undefined> {
    this.#fileMoves++;
    try {
      const bytes = await this.#options.context.saveSequenceStateToFile(path, slot.id, tokens);
      // The library does not check whether a full file system took the last bytes.
      if ((await stat(path)).size !== bytes) throw new Error('the file system is full');
      this.#sample({ tokens: tokens.length, bytes });
      return bytes;
    } catch (error) {
      this.#logOnce('written', error);
      await rm(path, { force: true });
      return undefined;
    }
  }

  async #drop(entry: CacheEntry): Promise<void> {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#options.cells.checkpoints.dropAll(entry.checkpoints);
    await rm(entry.path, { force: true }).catch(() => undefined);
  }

  /** The smallest and the largest sample are the most useful. */
  #sample(sample: SizeSample): void {
    const [small = sample, large = sample] = this.#samples;
    this.#samples = [
      sample.tokens < small.tokens ? sample : small,
      sample.tokens > large.tokens ? sample : large,
    ];
  }

  #logOnce(done: 'read' | 'written', error: unknown): void {
    if (this.#logged.has(done)) return;
    this.#logged.add(done);
    const said = error instanceof Error ? error.message : String(error);
    this.#options.log(
      `prompt cache: saved cells could not be ${done} (${said}). Prompts are decoded again; later errors are not logged`,
    );
  }
}
