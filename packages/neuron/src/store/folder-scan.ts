/** The model files of this node: scanned in the background, so that no GET touches the disk. */
import { resolve } from 'node:path';

import type { Logger } from '@cortex/service';

import { type FolderModels, groupModels, type ModelFile } from './model-file.ts';
import { fromIndexPath, type ModelIndex, readModelIndex } from './model-index.ts';
import { scanFolder } from './scan-folder.ts';
import { isOllamaStore, scanOllama } from './scan-ollama.ts';

export interface FolderScanOptions {
  readonly modelsDir: string;
  /** All folders, `modelsDir` first. The first folder with an id wins. */
  readonly folders: readonly string[];
  readonly log: Pick<Logger, 'error'>;
}

const byPath = (models: readonly ModelFile[]): ReadonlyMap<string, ModelFile> =>
  new Map(models.map((model) => [model.path, model]));

async function modelsOf(folder: string): Promise<FolderModels> {
  if (!(await isOllamaStore(folder))) return groupModels(await scanFolder(folder));
  const models = await scanOllama(folder);
  return { models, byPath: byPath(models) };
}

export class FolderScan {
  readonly #options: FolderScanOptions;
  #files: ReadonlyMap<string, ModelFile> = new Map();
  #index: ModelIndex = new Map();
  #scanning: Promise<void> | undefined;
  #nextScan: Promise<void> | undefined;
  #problem: string | undefined;

  constructor(options: FolderScanOptions) {
    this.#options = options;
  }

  /** The models of the last scan, by id. */
  get files(): ReadonlyMap<string, ModelFile> {
    return this.#files;
  }

  /** The index at the last scan. */
  get index(): ModelIndex {
    return this.#index;
  }

  /** Resolves after a scan that began after this call. Never rejects; read errors are logged. */
  refresh(): Promise<void> {
    if (!this.#scanning) return this.#beginScan();
    // The scan under way may have passed the folder already, so all callers share one more scan after it.
    this.#nextScan ??= this.#scanning.then(() => {
      this.#nextScan = undefined;
      return this.#beginScan();
    });
    return this.#nextScan;
  }

  #beginScan(): Promise<void> {
    this.#scanning = this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scan(): Promise<void> {
    const { modelsDir, folders, log } = this.#options;
    const files = new Map<string, ModelFile>();
    const paths = new Map<string, ModelFile>();
    try {
      for (const folder of folders) {
        const found = await modelsOf(resolve(folder));
        for (const model of found.models) if (!files.has(model.id)) files.set(model.id, model);
        for (const [path, model] of found.byPath) if (!paths.has(path)) paths.set(path, model);
      }
      this.#index = await readModelIndex(modelsDir);
      applyIndex(files, paths, { index: this.#index, modelsDir });
      this.#problem = undefined;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem)
        log.error({ err: error }, 'the models folders cannot be listed');
      this.#problem = problem;
    }
    this.#files = files;
  }
}

/** Files in the index are listed under its ids instead of their own. */
function applyIndex(
  files: Map<string, ModelFile>,
  paths: ReadonlyMap<string, ModelFile>,
  { index, modelsDir }: { readonly index: ModelIndex; readonly modelsDir: string },
): void {
  const named = [...index].flatMap(([id, { quant, files: names }]) => {
    const model = paths.get(fromIndexPath(modelsDir, names[0] ?? ''));
    return model ? [{ ...model, id, quant: quant ?? model.quant }] : [];
  });
  const isNamed = new Set(named.map(({ path }) => path));
  for (const [id, { path }] of files) if (isNamed.has(path)) files.delete(id);
  for (const model of named) files.set(model.id, model);
}
