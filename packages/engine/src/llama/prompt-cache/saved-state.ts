import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import type { EngineLoadSpec } from '../../engine.ts';
import { LIBRARY_VERSION } from '../binding.ts';
import type { Slot } from '../scheduler/slots.ts';
import { isSuperseded } from './cache-plan.ts';
import { checksumOf } from './checksum.ts';
import type { CacheEntry, PromptCache } from './prompt-cache.ts';

const MIB = 1024 * 1024;

const INDEX = 'index.json';
const NEW_INDEX = 'index.json.new';

/** What `saveState` calls its files; others in the folder are not touched. */
const STATE_FILE = /^[0-9a-f-]{36}\.state$/;

/** What cells depend on: of two loads with the same, one can go on with the cells of the other. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/** Written last, so that a folder without it holds nothing. */
const Index = z.object({
  fingerprint: z.string(),
  /** Those used last come first. */
  states: z.array(
    z.object({
      file: z.string().regex(STATE_FILE),
      bytes: z.int(),
      checksum: z.int(),
      tokens: z.array(z.int()),
    }),
  ),
});

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
    contextTokens,
  } satisfies Fingerprint);
}

export interface SavedState {
  readonly path: string;
  readonly tokens: Uint32Array;
  readonly bytes: number;
  readonly checksum: number;
}

/**
 * What an earlier `saveState` left in `folder` and this load can go on with, used last first. What does not fit is
 * deleted; a folder that is missing, broken or half written holds nothing. Never throws.
 */
export async function readState(folder: string, fingerprint: string): Promise<SavedState[]> {
  const states = await readIndex(folder, fingerprint);
  const saved: SavedState[] = [];
  for (const { file, bytes, checksum, tokens } of states) {
    const path = join(folder, file);
    const size = await stat(path).then(
      (info) => info.size,
      () => 0,
    );
    if (size === bytes) saved.push({ path, bytes, checksum, tokens: Uint32Array.from(tokens) });
  }
  await removeOthers(
    folder,
    saved.map(({ path }) => path),
  );
  if (saved.length === 0) await rm(join(folder, INDEX), { force: true }).catch(() => undefined);
  return saved;
}

async function readIndex(
  folder: string,
  fingerprint: string,
): Promise<z.infer<typeof Index>['states']> {
  try {
    const index = Index.parse(JSON.parse(await readFile(join(folder, INDEX), 'utf8')));
    return index.fingerprint === fingerprint ? index.states : [];
  } catch {
    return [];
  }
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
 * Only when nothing runs any more. Never throws: what cannot be written is decoded again after the next load.
 */
export async function saveState(options: SaveStateOptions): Promise<void> {
  const { folder, fingerprint, log } = options;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Without its index whatever a killed process leaves here counts for nothing.
    await rm(join(folder, INDEX), { force: true });
    const states = await writeStates(options);
    const making = join(folder, NEW_INDEX);
    await writeFile(
      making,
      JSON.stringify({ fingerprint, states } satisfies z.infer<typeof Index>),
    );
    await rename(making, join(folder, INDEX));
    await removeOthers(
      folder,
      states.map(({ file }) => join(folder, file)),
    );
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    log(`state: the slots could not be saved to ${folder}: ${said}`);
  }
}

async function writeStates({
  slots,
  cache,
  folder,
  maxMib = Infinity,
}: SaveStateOptions): Promise<z.infer<typeof Index>['states']> {
  const states: z.infer<typeof Index>['states'] = [];
  let left = maxMib * MIB;
  for (const source of worthSaving(slots, cache.entries)) {
    const estimated = 'path' in source ? source.bytes : cache.estimate(source);
    if (estimated > left) continue;
    const inPlace = 'path' in source && join(folder, fileOf(source.path)) === source.path;
    const file = inPlace ? fileOf(source.path) : `${randomUUID()}.state`;
    const bytes = await cache.store(source, join(folder, file));
    if (bytes === undefined) continue;
    if (bytes > left) {
      // The first slot tells how large they are.
      await rm(join(folder, file), { force: true });
      continue;
    }
    left -= bytes;
    const checksum = await checksumOf(join(folder, file));
    states.push({ file, bytes, checksum, tokens: [...tokensOf(source)] });
  }
  return states;
}

type Source = Slot | CacheEntry;

const tokensOf = (source: Source): ArrayLike<number> & Iterable<number> =>
  'path' in source ? source.tokens : source.cells;

const fileOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

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

/** Removes what nobody lists: of an older index, or of a process that was killed while it saved. */
async function removeOthers(folder: string, kept: readonly string[]): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    const isOurs = STATE_FILE.test(name) || name === NEW_INDEX;
    if (isOurs && !kept.includes(path)) await rm(path, { force: true }).catch(() => undefined);
  }
}
