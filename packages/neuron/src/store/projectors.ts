/** Vision projectors (`mmproj…gguf`): which one belongs to which model, by name and place. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { FoundFile } from './found-file.ts';
import { quantOfName } from './quant-names.ts';

const withoutSuffix = (path: string): string => path.replace(/\.gguf$/i, '');
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Folder of a path, with a slash at its end; empty at the top. */
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

export const isProjector = (path: string): boolean => /^mmproj/i.test(nameOf(path));

/** The usual precision of projectors; they are small, and engines run them at least at this. */
const QUANTS: readonly (string | undefined)[] = ['F16', 'BF16', 'Q8_0', 'F32'];

function rankOf({ relativePath }: FoundFile): number {
  const index = QUANTS.indexOf(quantOfName(withoutSuffix(relativePath)));
  return index === -1 ? QUANTS.length : index;
}

/** The name of a model without its quantisation, in lower case. */
function baseOf(stem: string): string {
  const name = nameOf(stem);
  const quant = quantOfName(name);
  const base = quant === undefined ? name : name.slice(0, -quant.length);
  return base.replace(/[-._]+$/, '').toLowerCase();
}

/** The folder above one that is named for a quantisation (`Q4_K_M/`) has the files for all of them. */
function foldersFor(folder: string): string[] {
  const name = folder.slice(0, -1);
  const isQuant = quantOfName(nameOf(name)) === nameOf(name).toUpperCase() && name !== '';
  return isQuant ? [folder, folderOf(name)] : [folder];
}

/**
 * The projector of a model; undefined if there is none. Pure.
 *
 * @param stem - Path of the model without `.gguf` and part number.
 * @param neighbours - The stems of all models of the scan.
 */
export function projectorOf(
  stem: string,
  neighbours: readonly string[],
  projectors: readonly FoundFile[],
): FoundFile | undefined {
  if (projectors.length === 0) return undefined;
  const base = baseOf(stem);
  for (const folder of foldersFor(folderOf(stem))) {
    const here = projectors.filter(({ relativePath }) => folderOf(relativePath) === folder);
    const isShared = neighbours.some(
      (other) => foldersFor(folderOf(other)).includes(folder) && baseOf(other) !== base,
    );
    // In a folder with different models, the name tells to which one it belongs.
    const own = isShared
      ? here.filter(({ relativePath }) => nameOf(relativePath).toLowerCase().includes(base))
      : here;
    const [best] = own.sort((a, b) => rankOf(a) - rankOf(b));
    if (best) return best;
  }
  return undefined;
}

/** The projector in the folder of a model file; undefined if there is none, or the folder cannot be read. */
export async function projectorBeside(modelPath: string): Promise<string | undefined> {
  const folder = dirname(modelPath);
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.gguf$/i.test(name));
  const projectors = names.filter(isProjector).map((name): FoundFile => ({
    relativePath: name,
    path: join(folder, name),
    sizeBytes: 0,
    modifiedMs: 0,
    isPartial: false,
  }));
  const models = names.filter((name) => !isProjector(name)).map(withoutSuffix);
  return projectorOf(withoutSuffix(nameOf(modelPath)), models, projectors)?.path;
}
