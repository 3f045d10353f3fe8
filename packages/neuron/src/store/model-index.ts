import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';

import { JsonObjectShape } from '@cortex/protocol';
import { z } from 'zod';

/** What was pulled for a model. */
const IndexEntry = z.looseObject({
  source: z.string().optional(),
  quant: z.string().optional(),
  /** Relative to `models_dir`, or absolute if the cache is elsewhere; the first part first. */
  files: z.array(z.string()).min(1),
  /** Hex, by the name in `files`. */
  sha256: z.record(z.string(), z.string()).optional().catch(undefined),
});
export type IndexEntry = z.infer<typeof IndexEntry>;

/** `models_dir/index.json`, by model id. A map, because an id may be `__proto__` or `constructor`. */
export type ModelIndex = ReadonlyMap<string, IndexEntry>;

function parseIndex(text: string): Map<string, IndexEntry> {
  const entries = Object.entries(JsonObjectShape.parse(JSON.parse(text)));
  return new Map(entries.map(([id, entry]) => [id, IndexEntry.parse(entry)]));
}

/** `path` as an entry has it. */
export function toIndexPath(modelsDir: string, path: string): string {
  const name = relative(modelsDir, path);
  return name.startsWith('..') || isAbsolute(name) ? path : name;
}

/** The absolute path of a name in `files`. */
export const fromIndexPath = (modelsDir: string, name: string): string => resolve(modelsDir, name);

/**
 * Reads the index of a models folder; an absent one is empty.
 *
 * @throws Error naming the file if it is not a valid index
 */
export async function readModelIndex(modelsDir: string): Promise<Map<string, IndexEntry>> {
  const path = join(modelsDir, 'index.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw new Error(`${path} cannot be read`, { cause: error });
  }
  try {
    return parseIndex(text);
  } catch (error) {
    throw new Error(`${path} is not an index of models`, { cause: error });
  }
}

/** Changes the index, one change after the other. The file is replaced in one step. */
export class ModelIndexWriter {
  readonly #modelsDir: string;
  #last: Promise<void> = Promise.resolve();

  constructor(modelsDir: string) {
    this.#modelsDir = modelsDir;
  }

  /**
   * @param change - Changes the index that it gets.
   * @throws Error if the index is not valid, and is not overwritten; the error of the file system
   */
  change(change: (index: Map<string, IndexEntry>) => void): Promise<void> {
    const next = this.#last.then(() => this.#write(change));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #write(change: (index: Map<string, IndexEntry>) => void): Promise<void> {
    const index = await readModelIndex(this.#modelsDir);
    change(index);
    const path = join(this.#modelsDir, 'index.json');
    await mkdir(this.#modelsDir, { recursive: true });
    const draft = `${path}.${process.pid}.tmp`;
    await writeFile(draft, `${JSON.stringify(Object.fromEntries(index), null, 2)}\n`);
    await rename(draft, path);
  }
}
