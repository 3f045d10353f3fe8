/** A model on disk: one GGUF, or the parts of a split one. */
export interface ModelFile {
  /** Path below its folder without `.gguf` and without the part number. */
  readonly id: string;
  /** Absolute path of the (first) file. */
  readonly path: string;
  /** All parts together. */
  readonly sizeBytes: number;
  /** As its name says it (`Q4_K_M`); absent when the name says nothing. */
  readonly quant?: string;
  /** Paths of parts that the name promises and the disk lacks. */
  readonly missingParts: readonly string[];
  /** Equal as long as the file was not replaced. */
  readonly fingerprint: string;
}

export interface FoundFile {
  /** Relative to the scanned folder, with `/`. */
  readonly relativePath: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

const PART = /^(.*)-(\d{5})-of-(\d{5})$/;
const QUANT =
  /(?:^|[-._/])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|BF16|F16|F32))$/i;

/** The quantisation that a file name ends with, in capitals. */
export function quantOfName(name: string): string | undefined {
  return QUANT.exec(name)?.[1]?.toUpperCase();
}

/** `models--org--repo/snapshots/<rev>/file` of a Hugging Face cache → `org/repo/file`. */
function withoutCacheFolders(stem: string): string {
  const [, org, repo, rest] =
    /^(?:.*\/)?models--([^/]+?)--([^/]+)\/snapshots\/[^/]+\/(.+)$/.exec(stem) ?? [];
  return rest === undefined ? stem : `${org}/${repo}/${rest}`;
}

/** Vision projectors lie beside the model they belong to and are none. */
const isProjector = (path: string): boolean => /(^|\/)mmproj[^/]*$/i.test(path);

/** Groups the GGUFs of one folder to models. Pure. */
export function groupModelFiles(files: readonly FoundFile[]): ModelFile[] {
  const models = new Map<string, { count: number; parts: Map<number, FoundFile> }>();
  for (const file of files) {
    if (isProjector(file.relativePath)) continue;
    const stem = withoutCacheFolders(file.relativePath.replace(/\.gguf$/i, ''));
    const [, base, part, count] = PART.exec(stem) ?? [];
    const id = base ?? stem;
    const model = models.get(id) ?? { count: Number(count ?? 1), parts: new Map() };
    model.parts.set(Number(part ?? 1), file);
    models.set(id, model);
  }
  return [...models].flatMap(([id, { count, parts }]) => toModelFile(id, count, parts));
}

function toModelFile(
  id: string,
  count: number,
  parts: ReadonlyMap<number, FoundFile>,
): ModelFile | [] {
  const present = [...parts.values()];
  const [any] = present;
  if (!any) return [];
  const pathOfPart = (part: number): string =>
    any.path.replace(/-\d{5}(-of-\d{5}\.gguf)$/i, `-${String(part).padStart(5, '0')}$1`);
  const missingParts = Array.from({ length: count }, (_, index) => index + 1)
    .filter((part) => !parts.has(part))
    .map(pathOfPart);
  const quant = quantOfName(id);
  return {
    id,
    path: parts.get(1)?.path ?? any.path,
    sizeBytes: present.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...(quant !== undefined && { quant }),
    missingParts,
    fingerprint: present
      .map(({ path, sizeBytes, modifiedMs }) => `${path}:${sizeBytes}:${modifiedMs}`)
      .join('|'),
  };
}
