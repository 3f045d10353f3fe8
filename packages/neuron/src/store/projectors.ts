/** Vision projectors (`mmproj…gguf`): which one belongs to which model, by name and place. */
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

/** A folder with projectors. */
interface Place {
  /** The best first. */
  readonly projectors: readonly FoundFile[];
  /** Base names of the models that the folder has the files for. */
  readonly bases: Set<string>;
}

/**
 * Finds the projector of a model; undefined if there is none. Pure.
 *
 * @param stems - The paths of all models of the scan, without `.gguf` and part number.
 */
export function projectorFinder(
  stems: readonly string[],
  projectors: readonly FoundFile[],
): (stem: string) => FoundFile | undefined {
  const byFolder = Map.groupBy(projectors, ({ relativePath }) => folderOf(relativePath));
  const places = new Map<string, Place>();
  for (const [folder, here] of byFolder) {
    places.set(folder, {
      projectors: here.sort((a, b) => rankOf(a) - rankOf(b)),
      bases: new Set(),
    });
  }
  const placesFor = (stem: string): Place[] =>
    places.size === 0
      ? []
      : foldersFor(folderOf(stem)).flatMap((folder) => places.get(folder) ?? []);
  for (const stem of stems) for (const { bases } of placesFor(stem)) bases.add(baseOf(stem));
  return (stem) => {
    const base = baseOf(stem);
    for (const { projectors: here, bases } of placesFor(stem)) {
      // In a folder with different models, the name tells to which one it belongs.
      const isShared = bases.size > 1;
      const best = here.find(
        ({ relativePath }) => !isShared || nameOf(relativePath).toLowerCase().includes(base),
      );
      if (best) return best;
    }
    return undefined;
  };
}
