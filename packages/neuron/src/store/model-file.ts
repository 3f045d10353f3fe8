import type { FoundFile } from './found-file.ts';
import {
  draftFinder,
  isDraft,
  isDraftModel,
  isProjector,
  nameOf,
  projectorFinder,
} from './companions.ts';
import { quantOfName } from './quant-names.ts';

/** A model on disk: one GGUF, or the parts of a split one. */
export interface ModelFile {
  /** Path below its folder without `.gguf` and without the part number. */
  readonly id: string;
  /** Absolute path of the (first) file. */
  readonly path: string;
  /** The paths of all files that are present, in order. */
  readonly parts: readonly string[];
  /** The vision projector in the same folder (`mmproj…gguf`); absent if there is none. */
  readonly projector?: string | undefined;
  /** The draft model beside it (`…-draft-….gguf`), if that is smaller; absent if there is none. */
  readonly draft?: string | undefined;
  /** All parts together, without the projector and the draft. */
  readonly sizeBytes: number;
  /** From the file name (`Q4_K_M`); absent if the name has none. */
  readonly quant?: string | undefined;
  /** Path of the first part that is missing on disk. */
  readonly missingPart?: string | undefined;
  /** A download program has not finished it. */
  readonly isPartial: boolean;
  /** Latest modification time of all parts, milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** Equal while the file is not replaced. */
  readonly fingerprint: string;
}

const PART = /^(.*)-(\d{5})-of-(\d{5})$/;

/** A file of a Hugging Face cache: `models--org--repo/snapshots/<commit>/<path>`. */
function readCachePath(stem: string): { readonly repo: string; readonly path: string } | undefined {
  const [, org, name, path] =
    /^(?:.*\/)?models--([^/]+?)--([^/]+)\/snapshots\/[^/]+\/(.+)$/.exec(stem) ?? [];
  return path === undefined ? undefined : { repo: `${org}/${name}`, path };
}

interface Group {
  readonly id: string;
  /** Repository of a Hugging Face cache. */
  readonly repo: string | undefined;
  /** Path without `.gguf` and part number, relative to the scanned folder. */
  readonly stem: string;
  /** Number of parts according to the names; 1 for a file that is not split. */
  readonly count: number;
  readonly parts: Map<number, FoundFile>;
}

/** The model and part of a file; undefined if the file is not a model. */
function readName({
  relativePath,
}: FoundFile): (Omit<Group, 'parts'> & { readonly part: number }) | undefined {
  if (isProjector(relativePath)) return undefined;
  const path = relativePath.replace(/\.gguf$/i, '');
  const [, base, partText, countText] = PART.exec(path) ?? [];
  const [stem, part, count] = [base ?? path, Number(partText ?? 1), Number(countText ?? 1)];
  if (part < 1 || part > count || /(?:^|\/)$/.test(stem)) return undefined;
  const cached = readCachePath(stem);
  const id = cached ? `${cached.repo}/${cached.path}` : stem;
  return { id, stem, repo: cached?.repo, part, count };
}

/** As `PART` has it. */
const numbered = (part: number): string => String(part).padStart(5, '0');

function missingPartOf({ count, parts }: Group): string | undefined {
  const [any] = parts.values();
  if (parts.size === count || !any) return undefined;
  let part = 1;
  while (parts.has(part)) part += 1;
  return any.path.replace(/-\d{5}(-of-\d{5}\.gguf)$/i, `-${numbered(part)}$1`);
}

/** The files beside a model. */
interface Companions {
  readonly projector: FoundFile | undefined;
  readonly draft: FoundFile | undefined;
}

function toModelFile(group: Group, { projector, draft }: Companions): ModelFile {
  const { id, parts } = group;
  const present = [...parts].sort(([a], [b]) => a - b).map(([, file]) => file);
  const sizeBytes = present.reduce((sum, file) => sum + file.sizeBytes, 0);
  return {
    id,
    path: parts.get(1)?.path ?? present[0]?.path ?? '',
    parts: present.map(({ path }) => path),
    projector: projector?.path,
    draft: draft && draft.sizeBytes < sizeBytes && !draft.isPartial ? draft.path : undefined,
    sizeBytes,
    quant: quantOfName(id),
    missingPart: missingPartOf(group),
    isPartial: present.some(({ isPartial }) => isPartial),
    modifiedMs: Math.max(...present.map(({ modifiedMs }) => modifiedMs)),
    fingerprint: present
      .map(({ path, sizeBytes, modifiedMs }) => `${path}:${sizeBytes}:${modifiedMs}`)
      .join('|'),
  };
}

interface NamedModel {
  readonly model: ModelFile;
  readonly repo: string | undefined;
}

/** Complete models first; among snapshots of a cache the newer one; else the first. */
function isBetter(a: NamedModel, b: NamedModel): boolean {
  const [aWhole, bWhole] = [a, b].map(({ model }) => model.missingPart === undefined);
  if (aWhole !== bWhole) return aWhole === true;
  return a.repo !== undefined && b.repo !== undefined && a.model.modifiedMs > b.model.modifiedMs;
}

/** Groups the GGUF files of one folder into models, all snapshots of a cache included. Pure. */
function groupParts(files: readonly FoundFile[]): NamedModel[] {
  const groups = new Map<string, Group>();
  for (const file of files) {
    const name = readName(file);
    if (!name) continue;
    const { part, ...group } = name;
    // The id alone is the same in all snapshots of a cache.
    const key = `${group.count} ${group.stem}`;
    const { parts } = groups.get(key) ?? { parts: new Map<number, FoundFile>() };
    if (!parts.has(part)) parts.set(part, file);
    groups.set(key, { ...group, parts });
  }
  const stems = [...groups.values()].map(({ stem }) => stem);
  const projectors = files.filter(({ relativePath }) => isProjector(relativePath));
  const projectorOf = projectorFinder(stems, projectors);
  const draftOf = draftFinder(stems, files.filter(isDraftModel));
  return [...groups.values()].map((group) => ({
    model: toModelFile(group, { projector: projectorOf(group.stem), draft: draftOf(group.stem) }),
    repo: group.repo,
  }));
}

/** Drafts last: they may have been downloaded before their model. */
function isOlder(a: ModelFile, b: ModelFile): boolean {
  const [isADraft, isBDraft] = [isDraft(nameOf(a.id)), isDraft(nameOf(b.id))];
  return isADraft === isBDraft ? a.modifiedMs < b.modifiedMs : isBDraft;
}

/** The models of one folder. */
export interface FolderModels {
  /** One per id. */
  readonly models: readonly ModelFile[];
  /** By the path of the (first) file, those included that another one of the same id hides. */
  readonly byPath: ReadonlyMap<string, ModelFile>;
}

/**
 * Groups the GGUF files of one folder into models. Pure.
 *
 * If several files have one id (`a.gguf`, `a.GGUF`, `a-00001-of-00002.gguf`), the first complete one gets it. In a
 * Hugging Face cache, the newest snapshot gets it, and the oldest model of a repository, drafts last, has the name of
 * the repository as id, so that an id keeps its meaning when more files are downloaded.
 */
export function groupModels(files: readonly FoundFile[]): FolderModels {
  const all = groupParts(files);
  const byId = new Map<string, NamedModel>();
  for (const named of all) {
    const known = byId.get(named.model.id);
    if (!known || isBetter(named, known)) byId.set(named.model.id, named);
  }
  const oldest = new Map<string, ModelFile>();
  for (const { model, repo } of byId.values()) {
    if (repo === undefined || byId.has(repo) || model.missingPart !== undefined) continue;
    const known = oldest.get(repo);
    if (!known || isOlder(model, known)) oldest.set(repo, model);
  }
  const models = [...byId.values()].map(({ model, repo }) =>
    repo !== undefined && oldest.get(repo) === model ? { ...model, id: repo } : model,
  );
  return { models, byPath: new Map(all.map(({ model }) => [model.path, model])) };
}
