/** A model on disk: one GGUF, or the parts of a split one. */
export interface ModelFile {
  /** Path below its folder without `.gguf` and without the part number. */
  readonly id: string;
  /** Absolute path of the (first) file. */
  readonly path: string;
  /** All parts together. */
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

export interface FoundFile {
  /** Relative to the scanned folder, with `/`. */
  readonly relativePath: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly isPartial: boolean;
}

const PART = /^(.*)-(\d{5})-of-(\d{5})$/;
const QUANT =
  /(?:^|[-._/])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|BF16|F16|F32))$/i;

/** The quantisation at the end of a file name, in capitals. */
export function quantOfName(name: string): string | undefined {
  return QUANT.exec(name)?.[1]?.toUpperCase();
}

/** `models--org--repo/snapshots/<rev>/file` of a Hugging Face cache → `org/repo/file`. */
function withoutCacheFolders(stem: string): string {
  const [, org, repo, rest] =
    /^(?:.*\/)?models--([^/]+?)--([^/]+)\/snapshots\/[^/]+\/(.+)$/.exec(stem) ?? [];
  return rest === undefined ? stem : `${org}/${repo}/${rest}`;
}

/** Vision projectors lie beside their model and are not models. */
const isProjector = (path: string): boolean => /(^|\/)mmproj[^/]*$/i.test(path);

interface Group {
  readonly id: string;
  /** Number of parts according to the names; 1 for a file that is not split. */
  readonly count: number;
  readonly parts: Map<number, FoundFile>;
}

/** The model and part of a file; undefined if the file is not a model. */
function readName(file: FoundFile): (Omit<Group, 'parts'> & { readonly part: number }) | undefined {
  if (isProjector(file.relativePath)) return undefined;
  const stem = withoutCacheFolders(file.relativePath.replace(/\.gguf$/i, ''));
  const [, base, part, count] = PART.exec(stem) ?? [];
  const name = { id: base ?? stem, part: Number(part ?? 1), count: Number(count ?? 1) };
  const isPart = name.part >= 1 && name.part <= name.count;
  return isPart && !/(?:^|\/)$/.test(name.id) ? name : undefined;
}

/**
 * Groups the GGUF files of one folder into models. Pure.
 *
 * If several files have one id (`a.gguf`, `a.GGUF`, `a-00001-of-00002.gguf`), the first complete one gets it.
 */
export function groupModelFiles(files: readonly FoundFile[]): ModelFile[] {
  const groups = new Map<string, Group>();
  for (const file of files) {
    const name = readName(file);
    if (!name) continue;
    const { id, part, count } = name;
    const key = `${count} ${id}`;
    const group = groups.get(key) ?? { id, count, parts: new Map<number, FoundFile>() };
    if (!group.parts.has(part)) group.parts.set(part, file);
    groups.set(key, group);
  }
  const models = new Map<string, ModelFile>();
  for (const model of [...groups.values()].map(toModelFile)) {
    const known = models.get(model.id);
    if (!known || (known.missingPart !== undefined && model.missingPart === undefined)) {
      models.set(model.id, model);
    }
  }
  return [...models.values()];
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

function toModelFile(group: Group): ModelFile {
  const { id, parts } = group;
  const present = [...parts.values()];
  return {
    id,
    path: parts.get(1)?.path ?? present[0]?.path ?? '',
    sizeBytes: present.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    quant: quantOfName(id),
    missingPart: missingPartOf(group),
    isPartial: present.some(({ isPartial }) => isPartial),
    modifiedMs: Math.max(...present.map(({ modifiedMs }) => modifiedMs)),
    fingerprint: present
      .map(({ path, sizeBytes, modifiedMs }) => `${path}:${sizeBytes}:${modifiedMs}`)
      .join('|'),
  };
}
