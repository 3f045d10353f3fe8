import { mkdir, stat } from 'node:fs/promises';

import type { EngineLoadSpec } from '../../engine/load.ts';
import { LIBRARY_VERSION } from '../binding.ts';
import type { Slot } from '../cells/slots.ts';
import { isSuperseded } from './cache-plan.ts';
import type { CacheEntry, PromptCache } from './prompt-cache.ts';
import { readIndex, removeOthers, type SavedState } from './state-index.ts';
import { type Source, StateWriter, tokensOf } from './state-writer.ts';

const MIB = 1024 * 1024;

/** Everything that cells depend on. A load can use the cells of another load with the same fingerprint. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/**
 * The fingerprint of a load. It uses sizes and times of the model's files, because reading them would take as long as
 * loading.
 */
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
 * The states that an earlier `saveState` left in `folder` for the same fingerprint, most recently used first. Others
 * are deleted. A missing or broken folder has no states. Never throws.
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
 * Writes the cells of the slots and the cache to `folder`, most recently used first, up to the bound, and replaces its
 * old states.
 *
 * Each file is listed in the index as soon as it is written, and the state that it replaces is listed until then. A
 * process that is killed meanwhile loses only what it had not written. While a file is written, the folder may
 * therefore exceed its bound by the state that it replaces: the previous turn of the conversation, or the only state.
 *
 * Call it only when no request runs. Never throws: cells that cannot be written are decoded again after the next load.
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
    log(`state: cannot save the slots to ${folder}: ${said}`);
  }
}

/** Slots before saved cells, each most recently used first, without those that another one contains. */
function worthSaving(slots: readonly Slot[], entries: readonly CacheEntry[]): Source[] {
  const recent = slots.toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
  const worth: Source[] = [];
  for (const source of [...recent, ...entries]) {
    const tokens = tokensOf(source);
    // With no other cells, this checks whether it is long enough to be worth reading.
    const isHeld = [[], ...worth.map(tokensOf)].some((other) => isSuperseded(tokens, other));
    if (!isHeld) worth.push(source);
  }
  return worth;
}
