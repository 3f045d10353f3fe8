/**
 * The model files of this node: those in its folders, and those that it pulls.
 *
 * `find` looks on the disk only; `ensure` pulls what is absent.
 */
import { resolve } from 'node:path';

import { CortexError, toCortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import { DraftFits } from './draft-fits.ts';
import { type FileRequest, isVariantOf } from './find-stored.ts';
import { FolderScan } from './folder-scan.ts';
import { areInside, isBelow } from './folders.ts';
import { LocalFiles, remoteSourceOf } from './local-files.ts';
import type { ModelFile } from './model-file.ts';
import { fromIndexPath, type IndexEntry, ModelIndexWriter, toIndexPath } from './model-index.ts';
import { planPull, type RemoteAccess } from './plan-pull.ts';
import { type PredictionLayers, PredictionLayersOfFiles } from './prediction-layers.ts';
import { type DownloadsOptions, Downloads } from './pull/downloads.ts';
import type { Pull, PullRequest, PullResult } from './pull/pull.ts';
import { Pulls, type PullWait } from './pull/pulls.ts';
import { RemoteHeaders } from './remote-headers.ts';
import { type Removal, removeFiles } from './remove-files.ts';
import { formatSource, parseSource, type RemoteSource } from './source.ts';
import { findSourceFile, type SourceFile, type SourceRoots } from './source-path.ts';
import { checkComplete } from './unfinished-file.ts';

export interface ModelStoreOptions extends SourceRoots {
  readonly log: Logger;
  readonly remote: RemoteAccess;
  readonly downloads: Omit<DownloadsOptions, 'log'>;
  /** Folder for the headers of files that are not on this node. */
  readonly headersDir: string;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Longest time to ask a server which files a model has, when the caller waits for the answer. */
const PLAN_TIMEOUT_MS = 60_000;

/** What loads ask of the files of this node. */
export type ModelFiles = Pick<
  ModelStore,
  | 'files'
  | 'find'
  | 'findSource'
  | 'findHeader'
  | 'draftBeside'
  | 'predictionLayers'
  | 'knows'
  | 'ensure'
>;

export class ModelStore {
  readonly pulls: Pulls;
  readonly #options: ModelStoreOptions;
  readonly #scan: FolderScan;
  readonly #local: LocalFiles;
  readonly #index: ModelIndexWriter;
  readonly #headers: RemoteHeaders;
  readonly #drafts: DraftFits;
  readonly #predictionLayers = new PredictionLayersOfFiles();
  /** Absolute; neuron writes to these. */
  readonly #ownFolders: readonly string[];

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    const { modelsDir, modelsDirs, remote, log, nowMs } = options;
    this.#ownFolders = [...new Set([resolve(modelsDir), resolve(remote.cacheDir)])];
    const folders = [...this.#ownFolders, ...modelsDirs];
    this.#scan = new FolderScan({ modelsDir, folders, log });
    this.#local = new LocalFiles(this.#scan, options, folders);
    this.#index = new ModelIndexWriter(resolve(modelsDir));
    this.#headers = new RemoteHeaders(options.headersDir);
    this.#drafts = new DraftFits(log);
    this.pulls = new Pulls({
      plan: (request, signal) => planPull(remote, request, signal),
      downloads: new Downloads({ ...options.downloads, log }),
      onPulled: (request, result) => this.#pulled(request, result),
      pause: options.downloads.pause,
      nowMs,
      log,
    });
  }

  /** The models of the last scan, by id. */
  get files(): ReadonlyMap<string, ModelFile> {
    return this.#scan.files;
  }

  /** Whether the last scan found one or more files for this id. */
  knows(modelId: string): boolean {
    return this.files.has(modelId) || [...this.files.values()].some((f) => isVariantOf(f, modelId));
  }

  /** @see FolderScan.refresh */
  refresh(): Promise<void> {
    return this.#scan.refresh();
  }

  /**
   * Finds the file of a load call on the current disk.
   *
   * @throws CortexError `model_load_failed` naming the expected path or the available files; transient for an
   * incomplete file; `invalid_request` for a source that is not one
   */
  async find(request: FileRequest): Promise<ModelFile> {
    const stored = await this.#local.locate(request);
    if (stored.kind === 'absent') throw stored.error;
    checkComplete(stored.file);
    return stored.file;
  }

  /**
   * Like `find`; files that are not on this node are pulled from the source of the call.
   *
   * @param wait - Its signal ends the wait; the pull goes on.
   * @throws CortexError as `find`, and why the pull failed
   */
  async ensure(request: FileRequest, wait: PullWait): Promise<ModelFile> {
    const source = remoteSourceOf(request);
    if (!source) return this.find(request);
    const stored = await this.#local.locate(request);
    if (stored.kind === 'absent') await this.pulls.pulled(toPullRequest(request, source), wait);
    return this.find(request);
  }

  /**
   * Like `find`; of files that are not on this node only the header is fetched. The file can be read like the model,
   * but its weights are zeros.
   *
   * @throws CortexError as `find`, and why the header could not be fetched
   */
  async findHeader(request: FileRequest): Promise<ModelFile> {
    const source = remoteSourceOf(request);
    if (!source || (await this.#local.locate(request)).kind === 'found') return this.find(request);
    const plan = await planPull(
      this.#options.remote,
      toPullRequest(request, source),
      AbortSignal.timeout(PLAN_TIMEOUT_MS),
    );
    return this.#headers.fetch(request.modelId, plan);
  }

  /**
   * Starts a pull, or joins the one that runs. A pull of files that are here is done at once.
   *
   * @throws CortexError `invalid_request` for a source from which nothing is pulled; `conflict`
   */
  pull(request: FileRequest): Pull {
    const source = remoteSourceOf(request) ?? fromOwnName(request);
    return this.pulls.start(toPullRequest(request, source));
  }

  /** @see DraftFits.usable */
  draftBeside(file: ModelFile): Promise<string | undefined> {
    return this.#drafts.usable(file);
  }

  /** @see PredictionLayersOfFiles.of */
  predictionLayers(file: ModelFile): Promise<PredictionLayers | undefined> {
    return this.#predictionLayers.of(file);
  }

  /** @see findSourceFile */
  findSource(source: string, param: string): Promise<SourceFile> {
    return findSourceFile(source, this.#options, param);
  }

  /**
   * Removes the files of a model. Files that another pulled model uses are kept.
   *
   * @throws CortexError `model_not_found`; `forbidden` for files in folders that neuron does not write to;
   * `conflict` while the model is pulled
   */
  async remove(modelId: string): Promise<Removal> {
    if (this.pulls.get(modelId)?.isRunning === true) {
      throw new CortexError('conflict', `${modelId} is being pulled. Cancel the pull first.`);
    }
    await this.refresh();
    const file = this.files.get(modelId);
    if (!file) {
      throw new CortexError('model_not_found', `This node has no files of ${modelId}.`);
    }
    const root = this.#ownFolders.find((folder) => isBelow(file.path, folder));
    if (root === undefined || !(await areInside(file.parts, root))) {
      throw new CortexError(
        'forbidden',
        `${file.path} is not in models_dir, or is linked from another folder: neuron writes to neither.`,
      );
    }
    const modelsDir = resolve(this.#options.modelsDir);
    const pathsOf = ({ files }: IndexEntry): string[] =>
      files.map((name) => fromIndexPath(modelsDir, name));
    const entry = this.#scan.index.get(modelId);
    const pulled = entry ? pathsOf(entry) : [];
    const others = [...this.#scan.index.values()].filter((other) => other !== entry);
    const kept = new Set(others.flatMap(pathsOf));
    const doomed = [...new Set([...file.parts, ...pulled])].filter(
      (path) => isBelow(path, root) && !kept.has(path),
    );
    await this.#index.change((index) => void index.delete(modelId));
    const removal = await removeFiles(doomed, root);
    await this.refresh();
    this.#options.log.info({ model: modelId, ...removal }, 'model files removed');
    return removal;
  }

  /** Ends all pulls; what was downloaded is taken up after a restart. */
  close(): Promise<void> {
    return this.pulls.close();
  }

  async #pulled({ modelId, source }: PullRequest, { quant, files }: PullResult): Promise<void> {
    const modelsDir = resolve(this.#options.modelsDir);
    const name = (path: string): string => toIndexPath(modelsDir, path);
    const sha256 = files.flatMap((file) =>
      file.sha256 === undefined ? [] : [[name(file.path), file.sha256]],
    );
    try {
      const entry: IndexEntry = {
        source: formatSource(source),
        ...(quant !== undefined && { quant }),
        files: files.map(({ path }) => name(path)),
        sha256: Object.fromEntries(sha256),
      };
      await this.#index.change((index) => void index.set(modelId, entry));
    } catch (cause) {
      const { message } = toCortexError(cause);
      throw new CortexError(
        'model_load_failed',
        `The files of ${modelId} are complete, but ${modelsDir}/index.json could not be written: ${cause instanceof Error ? cause.message : message}`,
        { transient: true, cause },
      );
    }
    await this.refresh();
  }
}

const toPullRequest = (
  { modelId, quant, mmproj, draft = 'auto' }: FileRequest,
  source: RemoteSource,
): PullRequest => ({
  modelId,
  source,
  quant,
  wantsProjector: mmproj !== 'off',
  wantsDraft: draft === 'auto',
});

/** The source of a model that names none: the repository of that name. */
function fromOwnName({ modelId, source }: FileRequest): RemoteSource {
  if (source !== undefined) {
    throw new CortexError(
      'invalid_request',
      `${source} is a file on this node already, so it cannot be pulled.`,
      { param: 'source' },
    );
  }
  const parsed = parseSource(`hf:${modelId}`, 'model_id');
  if (parsed.kind === 'hub') return parsed;
  throw new CortexError('invalid_request', `Name a source for ${modelId}.`, { param: 'source' });
}
