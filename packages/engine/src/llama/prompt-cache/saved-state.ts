import { mkdir, stat } from 'node:fs/promises';

import type { EngineLoadSpec } from '../../engine.ts';
import { LIBRARY_VERSION } from '../binding.ts';
import type { Slot } from '../cells/slots.ts';
import { isSuperseded } from './cache-plan.ts';
import type { CacheEntry, PromptCache } from './prompt-cache.ts';
import { readIndex, removeOthers, type SavedState } from './state-index.ts';
import { type Source, StateWriter, tokensOf } from './state-writer.ts';

const MIB = 1024 * 1024;

/** What cells depend on: of two loads with the same, one can go on with the cells of the other. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/** The fingerprint of a load. The model's files are told by size and time: reading them whole would take as long as loading. */
export async function fingerprintOf(spec: EngineLoadSpec, contextTokens: number): Promise<string> {
  const file = async (path: string): Promise<Fingerprint> => {
    const { size, mtimeMs } = await stat(path);
    return { size, mtimeMs };
  };
  const lora = spec.lora.map(async ({ path, scale }) => ({ ...(await file(path)), scale }));
  return JSON.stringify({
    library: LIBRARY_VERSION,
    model: await file(spec.modelPath),
    lora: await Promise.all(lora),
    backend: spec.backend,
    kvType: spec.kvType,
    isBatchInvariant: spec.isBatchInvariant,
    contextTokens,
  } satisfies Fingerprint);
}

/**
 * What an earlier `saveState` left in `folder` and this load can go on with, used last first. What does not fit is
 * deleted; of a folder that is missing or broken nothing is read. Never throws.
 */
export async function readState(folder: string, fingerprint: string): Promise<SavedState[]> {
  const saved = await readIndex(folder, fingerprint);
  await removeOthers(folder, saved);
  return saved;
}

export interface SaveStateOptions {
  readonly slots: readonly Slot[];
  readonly cache: PromptCache;
  readonly fingerprint: string;
  readonly folder: string;
  readonly maxMib: number | undefined;
  readonly log: (line: string) => void;
}

/**
 * Writes what the slots and the cache hold to `folder` in place of what was there, used last first, as much as fits.
 *
 * Each file counts as soon as it is written, and what it replaces until then: a process that is killed meanwhile loses
 * what it had not written yet, and nothing else. While a file is written the folder may therefore hold more than its
 * bound, by what that file replaces: the turn before of the same conversation, or the only state there is.
 *
 * Only when nothing runs any more. Never throws: what cannot be written is decoded again after the next load.
 */
export async function saveState(options: SaveStateOptions): Promise<void> {
  const { folder, fingerprint, log, slots, cache, maxMib = Infinity } = options;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const old = await readState(folder, fingerprint);
    const writer = new StateWriter({ folder, fingerprint, cache, maxBytes: maxMib * MIB, old });
    for (const source of worthSaving(slots, cache.entries)) await writer.add(source);
    await writer.finish();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    log(`state: the slots could not be saved to ${folder}: ${said}`);
  }
}

/** Slots before saved cells, each used last first, without those that another holds. */
function worthSaving(slots: readonly Slot[], entries: readonly CacheEntry[]): Source[] {
  const recent = slots.toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
  const worth: Source[] = [];
  for (const source of [...recent, ...entries]) {
    const tokens = tokensOf(source);
    // With nothing to supersede it, this asks whether it is long enough to be read again.
    const isHeld = [[], ...worth.map(tokensOf)].some((other) => isSuperseded(tokens, other));
    if (!isHeld) worth.push(source);
  }
  return worth;
}
