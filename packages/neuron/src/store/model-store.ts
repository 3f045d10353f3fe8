/** The model files of this node: scanned in the background, so that no GET touches the disk. */
import { join, resolve } from 'node:path';

import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import { groupModelFiles, type ModelFile, quantOfName } from './model-file.ts';
import { type ModelIndex, readModelIndex } from './model-index.ts';
import { scanFolder } from './scan-folder.ts';
import { checkComplete } from './unfinished-file.ts';
import { findSourceFile, isFileSource, type SourceFile, type SourceRoots } from './source-path.ts';

export interface ModelStoreOptions extends SourceRoots {
  readonly log: Logger;
}

export interface FileRequest {
  readonly modelId: string;
  readonly source?: string | undefined;
  readonly quant?: string | undefined;
}

const structural = (message: string, param: string): CortexError =>
  new CortexError('model_load_failed', message, { param });

const sameQuant = (a: string, b: string): boolean => a.toUpperCase() === b.toUpperCase();

/** `org/repo/anything` of `org/repo`, `name-Q4_K_M` of `name`; but not `name-large`, which is another model. */
const isVariantOf = ({ id, quant }: ModelFile, modelId: string): boolean =>
  id.startsWith(`${modelId}/`) ||
  (quant !== undefined &&
    id.length === modelId.length + 1 + quant.length &&
    id.startsWith(modelId) &&
    !/[a-z0-9]/i.test(id.charAt(modelId.length)));

export class ModelStore {
  readonly #options: ModelStoreOptions;
  #files: ReadonlyMap<string, ModelFile> = new Map();
  #scanning: Promise<void> | undefined;
  #nextScan: Promise<void> | undefined;
  #indexProblem: string | undefined;

  constructor(options: ModelStoreOptions) {
    this.#options = options;
  }

  /** The models of the last scan, by id. */
  get files(): ReadonlyMap<string, ModelFile> {
    return this.#files;
  }

  /** Whether the last scan found one or more files for this id. */
  knows(modelId: string): boolean {
    return (
      this.#files.has(modelId) ||
      [...this.#files.values()].some((file) => isVariantOf(file, modelId))
    );
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

  /**
   * Finds the file of a load call on the current disk.
   *
   * @throws CortexError `model_load_failed` naming the expected path or the available files; transient for an
   * incomplete file
   */
  async find(request: FileRequest): Promise<ModelFile> {
    const { source } = request;
    if (source !== undefined && isFileSource(source)) return this.#findSource(source, request);
    await this.refresh();
    const file = this.#findStored(request);
    checkComplete(file);
    return file;
  }

  /** @see findSourceFile */
  findSource(source: string, param: string): Promise<SourceFile> {
    return findSourceFile(source, this.#options, param);
  }

  async #scan(): Promise<void> {
    const { modelsDir, modelsDirs, log } = this.#options;
    const files = new Map<string, ModelFile>();
    try {
      // The first folder with an id wins, and models_dir comes first.
      for (const folder of [modelsDir, ...modelsDirs]) {
        for (const file of groupModelFiles(await scanFolder(resolve(folder)))) {
          if (!files.has(file.id)) files.set(file.id, file);
        }
      }
      applyIndex(files, await readModelIndex(modelsDir), resolve(modelsDir));
      this.#indexProblem = undefined;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#indexProblem)
        log.error({ err: error }, 'the models folders cannot be listed');
      this.#indexProblem = problem;
    }
    this.#files = files;
  }

  #findStored({ modelId, source, quant }: FileRequest): ModelFile {
    const exact = this.#files.get(modelId);
    const below = [...this.#files.values()].filter((file) => isVariantOf(file, modelId));
    const candidates = exact ? [exact, ...below] : below;
    if (quant === undefined) {
      const [only] = candidates;
      if (exact) return exact;
      if (only && candidates.length === 1) return only;
    } else {
      const match = candidates.find(
        (file) => file.quant !== undefined && sameQuant(file.quant, quant),
      );
      if (match) return match;
      // A name without a quantisation is accepted; the engine reports the loaded one.
      if (exact && exact.quant === undefined) return exact;
    }
    if (candidates.length === 0) throw this.#notOnDisk(modelId, source);
    const available = candidates.map((file) => file.quant ?? file.id).join(', ');
    throw structural(
      quant === undefined
        ? `${modelId} matches several files (${available}). Choose one with quant or by its own id.`
        : `${modelId} is not on this node as ${quant}. Available: ${available}.`,
      'quant',
    );
  }

  #notOnDisk(modelId: string, source: string | undefined): CortexError {
    const path = `${join(resolve(this.#options.modelsDir), modelId)}.gguf`;
    const from = source === undefined ? '' : ` from ${source}`;
    return structural(
      `${path} does not exist, and this node cannot download models${from} yet. Put the file there.`,
      'model_id',
    );
  }

  async #findSource(source: string, { modelId, quant }: FileRequest): Promise<ModelFile> {
    const { path, realPath, sizeBytes, modifiedMs } = await this.findSource(source, 'source');
    const ownQuant = quantOfName(path.replace(/\.gguf$/i, ''));
    if (ownQuant !== undefined && quant !== undefined && !sameQuant(ownQuant, quant)) {
      throw structural(`${path} is ${ownQuant}, not ${quant}.`, 'quant');
    }
    return {
      id: modelId,
      path,
      sizeBytes,
      quant: ownQuant,
      isPartial: false,
      modifiedMs,
      fingerprint: `${realPath}:${sizeBytes}:${modifiedMs}`,
    };
  }
}

/** Files in the index are listed under its ids instead of their paths. */
function applyIndex(files: Map<string, ModelFile>, index: ModelIndex, modelsDir: string): void {
  const byPath = new Map([...files.values()].map((file) => [file.path, file]));
  for (const [id, entry] of Object.entries(index)) {
    const file = byPath.get(join(modelsDir, entry.files[0] ?? ''));
    if (!file) continue;
    files.delete(file.id);
    files.set(id, { ...file, id, quant: entry.quant ?? file.quant });
  }
}
