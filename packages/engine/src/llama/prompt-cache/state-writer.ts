import { randomUUID } from 'node:crypto';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Slot } from '../cells/slots.ts';
import { isSuperseded } from './cache-plan.ts';
import { checksumOf } from './checksum.ts';
import type { CacheEntry, PromptCache } from './prompt-cache.ts';
import { type SavedState, writeIndex } from './state-index.ts';

export type Source = Slot | CacheEntry;

export interface StateWriterOptions {
  readonly folder: string;
  readonly fingerprint: string;
  readonly cache: Pick<PromptCache, 'estimate' | 'minPosition' | 'store'>;
  readonly maxBytes: number;
  /** The states in the folder, most recently used first. */
  readonly old: readonly SavedState[];
}

/** Replaces the states in a folder one by one. Its index lists only complete files at any time. */
export class StateWriter {
  readonly #options: StateWriterOptions;
  /** States of this save, most recently used first. */
  readonly #states: SavedState[] = [];
  /** States of the previous save that are not replaced yet. */
  #old: readonly SavedState[];

  constructor(options: StateWriterOptions) {
    this.#options = options;
    this.#old = options.old;
  }

  /** Adds the cells of `source` if they fit in addition to those added before. */
  async add(source: Source): Promise<void> {
    const inPlace = this.#old.find(({ path }) => 'path' in source && source.path === path);
    const bytes = 'path' in source ? source.bytes : this.#options.cache.estimate(source);
    if (bytes > this.#leftBytes) return;
    if (inPlace !== undefined) return this.#replace(inPlace);
    await this.#makeRoom(bytes, tokensOf(source));
    const written = await this.#write(source);
    if (written === undefined) return;
    this.#replace(written);
    await this.finish();
  }

  /** Keeps the old states that were not replaced, as far as they fit. */
  async finish(): Promise<void> {
    this.#old = this.#fitting(this.#old, 0);
    await this.#list();
  }

  get #leftBytes(): number {
    return this.#options.maxBytes - totalBytes(this.#states);
  }

  /** Replaces the old version of `state` and the old states that it supersedes. */
  #replace(state: SavedState): void {
    this.#states.push(state);
    this.#old = this.#old.filter(
      (old) => old.path !== state.path && !isSuperseded(old.tokens, state.tokens),
    );
  }

  /**
   * Removes the least recently used states so that `bytes` fit. States that the new one replaces are kept meanwhile.
   */
  async #makeRoom(bytes: number, tokens: ArrayLike<number>): Promise<void> {
    const others = this.#old.filter((old) => !isSuperseded(old.tokens, tokens));
    const fitting = this.#fitting(others, bytes);
    const gone = new Set(others.filter((old) => !fitting.includes(old)));
    const [first] = this.#old;
    // The only state is kept until there is another.
    if (first !== undefined && this.#states.length === 0 && gone.size === this.#old.length)
      gone.delete(first);
    if (gone.size === 0) return;
    this.#old = this.#old.filter((old) => !gone.has(old));
    await this.#list();
  }

  /** The first of `old` that fit in addition to the added states and `bytes`. */
  #fitting(old: readonly SavedState[], bytes: number): readonly SavedState[] {
    let left = this.#leftBytes - bytes;
    const end = old.findIndex((state) => (left -= state.bytes) < 0);
    return end < 0 ? old : old.slice(0, end);
  }

  /** Undefined if it cannot be written or does not fit. */
  async #write(source: Source): Promise<SavedState | undefined> {
    const { cache, folder } = this.#options;
    const path = join(folder, `${randomUUID()}.state`);
    const minPosition = cache.minPosition(source);
    const bytes = await cache.store(source, path);
    if (bytes === undefined) return undefined;
    // It holds what was said. The library creates it for all users.
    await chmod(path, 0o600);
    if (bytes > this.#leftBytes) {
      // The first slot shows the size of all.
      await rm(path, { force: true });
      return undefined;
    }
    const checksum = await checksumOf(path);
    return { path, bytes, checksum, minPosition, tokens: Uint32Array.from(tokensOf(source)) };
  }

  #list(): Promise<void> {
    const { folder, fingerprint } = this.#options;
    return writeIndex(folder, fingerprint, [...this.#states, ...this.#old]);
  }
}

const totalBytes = (states: readonly SavedState[]): number =>
  states.reduce((total, { bytes }) => total + bytes, 0);

/** The tokens that a state restores. */
export const tokensOf = (source: Source): ArrayLike<number> & Iterable<number> =>
  'path' in source ? source.tokens : source.cells;
