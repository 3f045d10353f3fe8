/** Slots of unloaded models on disk (`engine.state_disk_mb`): a swap does not cost a long conversation its prefix. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { CloseOptions } from '@cortex/engine';
import type { Logger } from '@cortex/service';
import { z } from 'zod';

import type { StateWriter } from '../../state-writer.ts';

const MIB = 1 << 20;

const SavedModel = z.object({ model_id: z.string(), model_path: z.string() });

interface Saved {
  /** Path without ending: the folder itself, and the name of the file that says whose it is. */
  readonly path: string;
  readonly modelPath: string;
  readonly savedMs: number;
  readonly bytes: number;
}

export interface SlotStatesOptions {
  readonly directory: string;
  /** Over all models, MiB; 0: nothing is kept. */
  readonly maxMib: number;
  readonly writer: StateWriter;
  readonly log: Logger;
}

export class SlotStates {
  readonly #options: SlotStatesOptions;

  constructor(options: SlotStatesOptions) {
    this.#options = options;
  }

  /** The folder that an earlier unload of this model left; undefined where there is none. */
  restoreDir(modelId: string): string | undefined {
    const path = this.#pathOf(modelId);
    return this.#options.maxMib > 0 && existsSync(path) ? path : undefined;
  }

  /** How an engine is closed that may leave its slots, in a folder that exists; empty where none can be made. */
  saveOptions(modelId: string): CloseOptions {
    const { maxMib, writer } = this.#options;
    const saveDir = this.#pathOf(modelId);
    if (maxMib <= 0 || !writer.makeFolder(saveDir)) return {};
    return { saveDir, saveMaxMib: maxMib };
  }

  /** The engine has left its slots: says whose they are, and deletes the oldest of other models beyond the bound. */
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

  /** Once, before any load: deletes what an engine left unfinished under a daemon that died, then as `sweep`. */
  async start(): Promise<void> {
    for (const name of await this.#names()) {
      const path = join(this.#options.directory, name);
      if (!name.endsWith('.json') && !existsSync(`${path}.json`)) await remove(path);
    }
    await this.sweep();
  }

  /** Deletes what belongs to model files that are gone, and what lies beyond the bound. */
  async sweep(): Promise<void> {
    for (const { path, modelPath } of await this.#list()) {
      if (!existsSync(modelPath)) await remove(path);
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
    // Half-written, or being deleted by another call: whose it is cannot be said, so it is nobody's.
    await remove(path);
    return [];
  }
}

async function remove(path: string): Promise<void> {
  await rm(`${path}.json`, { force: true });
  await rm(path, { recursive: true, force: true });
}

/** Bytes of the files below a folder; 0 where there is none. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  return sizes.reduce((total, size) => total + size, 0);
}
