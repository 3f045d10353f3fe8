import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';

import { z } from 'zod';

/** `models_dir/index.json`: what was pulled, by model id. */
const ModelIndex = z.record(
  z.string(),
  z.looseObject({
    source: z.string().optional(),
    quant: z.string().optional(),
    /** Relative to `models_dir`, or absolute if the cache is elsewhere; the first part first. */
    files: z.array(z.string()).min(1),
    /** Hex, by the name in `files`. */
    sha256: z.record(z.string(), z.string()).optional().catch(undefined),
  }),
);
export type ModelIndex = z.infer<typeof ModelIndex>;
export type IndexEntry = ModelIndex[string];

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
export async function readModelIndex(modelsDir: string): Promise<ModelIndex> {
  const path = join(modelsDir, 'index.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new Error(`${path} cannot be read`, { cause: error });
  }
  try {
    return ModelIndex.parse(JSON.parse(text));
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
   * @param change - Returns the new index; entries that it does not know stay as they are.
   * @throws Error if the index is not valid, and is not overwritten; the error of the file system
   */
  change(change: (index: ModelIndex) => ModelIndex): Promise<void> {
    const next = this.#last.then(() => this.#write(change));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #write(change: (index: ModelIndex) => ModelIndex): Promise<void> {
    const index = change(await readModelIndex(this.#modelsDir));
    const path = join(this.#modelsDir, 'index.json');
    await mkdir(this.#modelsDir, { recursive: true });
    const draft = `${path}.${process.pid}.tmp`;
    await writeFile(draft, `${JSON.stringify(index, null, 2)}\n`);
    await rename(draft, path);
  }
}
