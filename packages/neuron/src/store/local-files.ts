/** The files of load calls, among those that are on this node. */
import { dirname, resolve } from 'node:path';

import { CortexError } from '@cortex/protocol';

import { chooseModel } from './choose-model.ts';
import { type FileRequest, findStored, type Stored } from './find-stored.ts';
import type { FolderScan } from './folder-scan.ts';
import { cachedFiles } from './hub/hub-cache.ts';
import { groupModels, type ModelFile } from './model-file.ts';
import { quantOfName, sameQuant } from './quant-names.ts';
import { scanFolder } from './scan-folder.ts';
import { formatSource, type HubSource, parseSource, type RemoteSource } from './source.ts';
import { findSourceFile, isFileSource, type SourceFile, type SourceRoots } from './source-path.ts';

/** The source of a call, if files can be pulled from it. @throws CortexError `invalid_request` */
export function remoteSourceOf({ source }: FileRequest): RemoteSource | undefined {
  if (source === undefined) return undefined;
  const parsed = parseSource(source);
  return parsed.kind === 'file' ? undefined : parsed;
}

export class LocalFiles {
  readonly #scan: FolderScan;
  readonly #roots: SourceRoots;
  readonly #folders: readonly string[];

  /** @param folders - Those that may be Hugging Face caches. */
  constructor(scan: FolderScan, roots: SourceRoots, folders: readonly string[]) {
    this.#scan = scan;
    this.#roots = roots;
    this.#folders = folders;
  }

  /**
   * Looks on the current disk.
   *
   * @throws CortexError `invalid_request` for a source that is not one; `model_load_failed` for a `file:` source
   * that cannot be used
   */
  async locate(request: FileRequest): Promise<Stored> {
    const { source: text } = request;
    if (text !== undefined && isFileSource(text)) {
      return { kind: 'found', file: await this.#findSource(text, request) };
    }
    const source = remoteSourceOf(request);
    await this.#scan.refresh();
    const { files, index } = this.#scan;
    const { modelsDir } = this.#roots;
    if (!source) return findStored(request, { files, modelsDir });
    const file = this.#findPulled(source, request) ?? (await this.#findCached(source, request));
    if (file) return { kind: 'found', file };
    // A file that somebody put there under this id; but not one that was pulled from another source.
    const byHand = [...files].filter(([id]) => !index.has(id));
    return findStored(request, { files: new Map(byHand), modelsDir });
  }

  /** A file that was pulled from this source, under whatever id. */
  #findPulled(source: RemoteSource, { modelId, quant }: FileRequest): ModelFile | undefined {
    const text = formatSource(source);
    const fitting = [...this.#scan.index].flatMap(([id, entry]) => {
      const file = entry.source === text ? this.#scan.files.get(id) : undefined;
      if (!file || file.missingPart !== undefined) return [];
      const fits =
        quant === undefined || (file.quant !== undefined && sameQuant(file.quant, quant));
      return fits ? [file] : [];
    });
    const file = fitting.find(({ id }) => id === modelId) ?? fitting[0];
    return file && { ...file, id: modelId };
  }

  /** A file that any tool has put into one of the Hugging Face caches. */
  async #findCached(
    source: RemoteSource,
    { quant, modelId }: FileRequest,
  ): Promise<ModelFile | undefined> {
    if (source.kind !== 'hub') return undefined;
    for (const folder of this.#folders) {
      const model = await chooseCached(resolve(folder), source, quant);
      if (model) return { ...model, id: modelId };
    }
    return undefined;
  }

  async #findSource(source: string, { modelId, quant }: FileRequest): Promise<ModelFile> {
    const found = await findSourceFile(source, this.#roots, 'source');
    const model = await modelAt(found);
    if (model.quant !== undefined && quant !== undefined && !sameQuant(model.quant, quant)) {
      throw new CortexError('model_load_failed', `${model.path} is ${model.quant}, not ${quant}.`, {
        param: 'quant',
      });
    }
    return { ...model, id: modelId };
  }
}

/** The model of a file: with the other parts if it is the first of several, and with its projector. */
async function modelAt({
  path,
  realPath,
  sizeBytes,
  modifiedMs,
}: SourceFile): Promise<Omit<ModelFile, 'id'>> {
  const quant = quantOfName(path.replace(/\.gguf$/i, ''));
  const listed = groupModels(await scanFolder(dirname(path), 0)).byPath.get(path);
  if (listed) return { ...listed, quant: listed.quant ?? quant };
  // A file with another name than scans take.
  return {
    path,
    parts: [path],
    sizeBytes,
    quant,
    isPartial: false,
    modifiedMs,
    fingerprint: `${realPath}:${sizeBytes}:${modifiedMs}`,
  };
}

async function chooseCached(
  cacheDir: string,
  source: HubSource,
  quant: string | undefined,
): Promise<ModelFile | undefined> {
  const files = await cachedFiles(cacheDir, source);
  if (files.length === 0) return undefined;
  try {
    return chooseModel(formatSource(source), files, { file: source.file, quant });
  } catch {
    // The cache has other files of the repository.
    return undefined;
  }
}
