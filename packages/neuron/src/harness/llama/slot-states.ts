/**
 * Slots of unloaded models on disk (`engine.state_disk_mb`): a long conversation keeps its prefix when its model is
 * swapped.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { CloseOptions } from '@cortex/engine';
import type { Logger } from '@cortex/service';
import { z } from 'zod';

import type { StateWriter } from '../../state-writer.ts';

const MIB = 1 << 20;
/** Saved slots are kept for a week. */
const KEEP_MS = 7 * 86_400_000;

const SavedModel = z.object({ model_id: z.string(), model_path: z.string() });

interface Saved {
  /** Path without extension: the folder, and the base name of the file that names its owner. */
  readonly path: string;
  readonly modelPath: string;
  readonly savedMs: number;
  readonly bytes: number;
}

export interface SlotStatesOptions {
  readonly directory: string;
  /** Limit for all models together, MiB; 0 keeps nothing. */
  readonly maxMib: number;
  readonly writer: StateWriter;
  readonly log: Logger;
}

export class SlotStates {
  readonly #options: SlotStatesOptions;

  constructor(options: SlotStatesOptions) {
    this.#options = options;
  }

  /** The folder from an earlier unload of this model; undefined if there is none. */
  restoreDir(modelId: string): string | undefined {
    const path = this.#pathOf(modelId);
    return this.#options.maxMib > 0 && existsSync(path) ? path : undefined;
  }

  /** Close options that make an engine save its slots, in an existing folder; empty if the folder cannot be created. */
  saveOptions(modelId: string): CloseOptions {
    const { maxMib, writer } = this.#options;
    const saveDir = this.#pathOf(modelId);
    if (maxMib <= 0 || !writer.makeFolder(saveDir)) return {};
    return { saveDir, saveMaxMib: maxMib };
  }

  /** Records the owner of saved slots, and deletes the oldest slots of other models above the limit. */
  async saved(modelId: string, modelPath: string): Promise<void> {
    const path = this.#pathOf(modelId);
    const bytes = await sizeOf(path);
    if (bytes === 0) return this.forget(modelId);
    const record = { model_id: modelId, model_path: modelPath };
    if (!this.#options.writer.write(`${path}.json`, `${JSON.stringify(record)}\n`)) {
      return this.forget(modelId);
    }
    return this.#trim();
  }

  async forget(modelId: string): Promise<void> {
    await remove(this.#pathOf(modelId));
  }

  /** Deletes unfinished saves of a daemon that died, then does the same as `sweep`. Call it once, before any load. */
  async start(): Promise<void> {
    for (const name of await this.#names()) {
      const path = join(this.#options.directory, name);
      if (!name.endsWith('.json') && !existsSync(`${path}.json`)) await remove(path);
    }
    await this.sweep();
  }

  /** Deletes slots of model files that no longer exist, slots that are older than a week, and slots above the limit. */
  async sweep(): Promise<void> {
    for (const { path, modelPath, savedMs } of await this.#list()) {
      // A date far in the future is from before the clock was set back.
      const isOld = Math.abs(Date.now() - savedMs) > KEEP_MS;
      if (isOld || !existsSync(modelPath)) await remove(path);
    }
    await this.#trim();
  }

  async #trim(): Promise<void> {
    const { maxMib, log } = this.#options;
    let leftBytes = maxMib * MIB;
    const newestFirst = (await this.#list()).sort((a, b) => b.savedMs - a.savedMs);
    for (const { path, bytes } of newestFirst) {
      leftBytes -= bytes;
      if (leftBytes >= 0 && maxMib > 0) continue;
      log.info({ path }, 'saved slots deleted: engine.state_disk_mb is reached');
      await remove(path);
    }
  }

  async #list(): Promise<Saved[]> {
    const paths = (await this.#names())
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(this.#options.directory, name.slice(0, -'.json'.length)));
    const found = await Promise.all(paths.map(readSaved));
    return found.flat();
  }

  #names(): Promise<string[]> {
    return readdir(this.#options.directory).catch(() => []);
  }

  #pathOf(modelId: string): string {
    const name = createHash('sha256').update(modelId).digest('hex').slice(0, 32);
    return join(this.#options.directory, name);
  }
}

async function readSaved(path: string): Promise<Saved | []> {
  try {
    const text = await readFile(`${path}.json`, 'utf8');
    const { model_path: modelPath } = SavedModel.parse(JSON.parse(text));
    const { mtimeMs: savedMs } = await stat(`${path}.json`);
    return { path, modelPath, savedMs, bytes: await sizeOf(path) };
  } catch {
    // Incomplete, or being deleted by another call: the owner is unknown.
    await remove(path);
    return [];
  }
}

async function remove(path: string): Promise<void> {
  await rm(`${path}.json`, { force: true });
  await rm(path, { recursive: true, force: true });
}

/** Bytes of the files below a folder; 0 if it does not exist. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  return sizes.reduce((total, size) => total + size, 0);
}
