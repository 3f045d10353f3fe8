import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
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
  /** What counts in the folder, used last first. */
  readonly old: readonly SavedState[];
}

/** Replaces the states in a folder one by one: at any time its index lists what is whole. */
export class StateWriter {
  readonly #options: StateWriterOptions;
  /** Of this save, used last first. */
  readonly #states: SavedState[] = [];
  /** Of the one before, not replaced yet. */
  #old: readonly SavedState[];

  constructor(options: StateWriterOptions) {
    this.#options = options;
    this.#old = options.old;
  }

  /** Adds the cells of `source`, unless they do not fit beside what was added before. */
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

  /** Of what was there before stays what nothing replaced, where it fits. */
  async finish(): Promise<void> {
    this.#old = this.#fitting(this.#old, 0);
    await this.#list();
  }

  get #leftBytes(): number {
    return this.#options.maxBytes - totalBytes(this.#states);
  }

  /** Puts `state` in the place of itself and of those before that nobody would read beside it. */
  #replace(state: SavedState): void {
    this.#states.push(state);
    this.#old = this.#old.filter(
      (old) => old.path !== state.path && !isSuperseded(old.tokens, state.tokens),
    );
  }

  /** Lets go what was used longest ago, so that `bytes` fit: what they replace stays meanwhile. */
  async #makeRoom(bytes: number, tokens: ArrayLike<number>): Promise<void> {
    const others = this.#old.filter((old) => !isSuperseded(old.tokens, tokens));
    const fitting = this.#fitting(others, bytes);
    const gone = new Set(others.filter((old) => !fitting.includes(old)));
    const [first] = this.#old;
    // The only state there is stays until there is another.
    if (first !== undefined && this.#states.length === 0 && gone.size === this.#old.length)
      gone.delete(first);
    if (gone.size === 0) return;
    this.#old = this.#old.filter((old) => !gone.has(old));
    await this.#list();
  }

  /** The first of `old` that fit beside what was added and `bytes` more. */
  #fitting(old: readonly SavedState[], bytes: number): readonly SavedState[] {
    let left = this.#leftBytes - bytes;
    const end = old.findIndex((state) => (left -= state.bytes) < 0);
    return end < 0 ? old : old.slice(0, end);
  }

  /** Undefined where it cannot be written or takes more than there is room for. */
  async #write(source: Source): Promise<SavedState | undefined> {
    const { cache, folder } = this.#options;
    const path = join(folder, `${randomUUID()}.state`);
    const minPosition = cache.minPosition(source);
    const bytes = await cache.store(source, path);
    if (bytes === undefined) return undefined;
    if (bytes > this.#leftBytes) {
      // The first slot tells how large they are.
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

/** What a state would bring back. */
export const tokensOf = (source: Source): ArrayLike<number> & Iterable<number> =>
  'path' in source ? source.tokens : source.cells;
