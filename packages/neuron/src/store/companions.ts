/**
 * Files that belong to a model and lie beside it: its vision projector (`mmproj…gguf`) and its draft model
 * (`…-draft-….gguf`). Which one belongs to which model is told by name and place.
 */
import type { FoundFile } from './found-file.ts';
import { quantOfName } from './quant-names.ts';

const withoutSuffix = (path: string): string => path.replace(/\.gguf$/i, '');
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Folder of a path, with a slash at its end; empty at the top. */
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

export const isProjector = (path: string): boolean => /^mmproj/i.test(nameOf(path));

/** A small model (`draft`), or layers that work only inside their model. */
const DRAFT = /(?:^|[-._/])(?:draft|mtp|eagle\d*)(?=[-._/]|$)/i;
const DRAFT_LAYERS = /(?:^|[-._])(?:mtp|eagle\d*)(?=[-._]|$)/i;

/** Whether a file is for speculative decoding, and not meant by the name of its model. */
export const isDraft = (stem: string): boolean => DRAFT.test(stem);

/** Whether a file can be the draft of the models in its folder: a whole small model, in one file. */
export const isDraftModel = ({ relativePath }: FoundFile): boolean => {
  const name = nameOf(withoutSuffix(relativePath));
  return DRAFT.test(name) && !DRAFT_LAYERS.test(name) && !/-\d{5}-of-\d{5}$/.test(name);
};

/** The best precision of a kind of companion first. */
type Ranking = readonly (string | undefined)[];

/** The usual precision of projectors; they are small, and engines run them at least at this. */
const PROJECTOR_QUANTS: Ranking = ['F16', 'BF16', 'Q8_0', 'F32'];
/** Fast, and close enough to the weights: the model checks every drafted token. */
const DRAFT_QUANTS: Ranking = ['Q8_0', 'Q4_K_M', 'Q4_0', 'Q5_K_M', 'Q6_K'];

function rankOf({ relativePath }: FoundFile, ranking: Ranking): number {
  const index = ranking.indexOf(quantOfName(withoutSuffix(relativePath)));
  return index === -1 ? ranking.length : index;
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

/** A folder with companions. */
interface Place {
  /** The best first. */
  readonly companions: readonly FoundFile[];
  /** Base names of the models that the folder has the files for. */
  readonly bases: Set<string>;
}

/** Finds the companion of a model by its path without `.gguf` and part number; undefined if there is none. */
type CompanionFinder = (stem: string) => FoundFile | undefined;

/** @param stems - The paths of all models of the scan, without `.gguf` and part number. */
export const projectorFinder = (
  stems: readonly string[],
  projectors: readonly FoundFile[],
): CompanionFinder => companionFinder(stems, { companions: projectors, ranking: PROJECTOR_QUANTS });

/** @param stems - As for `projectorFinder`. A draft has no draft. */
export function draftFinder(
  stems: readonly string[],
  drafts: readonly FoundFile[],
): CompanionFinder {
  const find = companionFinder(stems, { companions: drafts, ranking: DRAFT_QUANTS });
  return (stem) => (isDraft(nameOf(stem)) ? undefined : find(stem));
}

function companionFinder(
  stems: readonly string[],
  { companions, ranking }: { readonly companions: readonly FoundFile[]; readonly ranking: Ranking },
): CompanionFinder {
  const byFolder = Map.groupBy(companions, ({ relativePath }) => folderOf(relativePath));
  const places = new Map<string, Place>();
  for (const [folder, here] of byFolder) {
    places.set(folder, {
      companions: here.sort((a, b) => rankOf(a, ranking) - rankOf(b, ranking)),
      bases: new Set(),
    });
  }
  const placesFor = (stem: string): Place[] =>
    places.size === 0
      ? []
      : foldersFor(folderOf(stem)).flatMap((folder) => places.get(folder) ?? []);
  const [drafts = [], models = []] = [true, false].map((is) =>
    stems.filter((stem) => isDraft(nameOf(stem)) === is),
  );
  for (const stem of models) for (const { bases } of placesFor(stem)) bases.add(baseOf(stem));
  // A draft counts as a model only in a folder that has no other.
  const lone = drafts.filter((stem) => placesFor(stem).every(({ bases }) => bases.size === 0));
  for (const stem of lone) for (const { bases } of placesFor(stem)) bases.add(baseOf(stem));
  return (stem) => {
    const base = baseOf(stem);
    for (const { companions: here, bases } of placesFor(stem)) {
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
