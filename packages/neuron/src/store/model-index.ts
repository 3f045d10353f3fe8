import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

/** `models_dir/index.json`: the files in the folder by id. */
const ModelIndex = z.record(
  z.string(),
  z.looseObject({
    source: z.string().optional(),
    quant: z.string().optional(),
    /** Relative to `models_dir`, the first part first. */
    files: z.array(z.string()).min(1),
    sha256: z.unknown().optional(),
  }),
);
export type ModelIndex = z.infer<typeof ModelIndex>;

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
