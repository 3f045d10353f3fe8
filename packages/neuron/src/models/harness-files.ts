/** Turns a load call into the input of a harness, with resolved files. */
import type { DraftSource, LoraAdapter } from '@cortex/engine';
import { CortexError, type LoadModelRequest } from '@cortex/protocol';

import type { HarnessFiles } from '../harness/harness.ts';
import type { LoadSettings } from '../harness/load-settings.ts';
import type { ModelFile } from '../store/model-file.ts';
import type { FileRequest } from '../store/find-stored.ts';
import type { ModelFiles } from '../store/model-store.ts';
import { isFileSource } from '../store/source-path.ts';

/** The fields of a load call that select the file. */
export const toFileRequest = ({
  model_id: modelId,
  source,
  quant,
  mmproj,
  draft,
}: LoadModelRequest): FileRequest => ({
  modelId,
  source,
  quant,
  mmproj,
  draft,
});

/**
 * The adapters of a load. @throws CortexError `unsupported_parameter` for one that is not a file, and errors of the
 * store
 */
export async function findAdapters(store: ModelFiles, { lora = [] }: LoadSettings) {
  return Promise.all(
    lora.map(async ({ source, scale = 1 }, index): Promise<LoraAdapter> => {
      const param = `lora[${index}].source`;
      if (!isFileSource(source)) {
        throw new CortexError(
          'unsupported_parameter',
          `${param}: an adapter must be a file on this node, such as "file:adapters/mine.gguf", not ${source}.`,
          { param },
        );
      }
      return { path: (await store.findSource(source, param)).path, scale };
    }),
  );
}

/**
 * The draft that the call names: `lookup`, a `file:` source or absolute path, or the id of a model on disk.
 *
 * @throws CortexError errors of the store
 */
export async function findNamedDraft(
  store: ModelFiles,
  { draft = 'auto' }: LoadSettings,
): Promise<DraftSource | undefined> {
  if (draft === 'auto' || draft === 'off') return undefined;
  if (draft === 'lookup') return { kind: 'lookup' };
  const source = draft.startsWith('/') ? `file:${draft}` : draft;
  if (isFileSource(source)) {
    return { kind: 'model', modelPath: (await store.findSource(source, 'draft')).path };
  }
  try {
    return { kind: 'model', modelPath: (await store.find({ modelId: draft })).path };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CortexError('model_load_failed', `The draft model cannot be used: ${said}`, {
      param: 'draft',
      cause: error,
    });
  }
}

/** The draft of a load: the one that it names, else the one beside the model. @throws CortexError errors of the store */
async function findDraft(
  store: ModelFiles,
  file: ModelFile,
  settings: LoadSettings,
): Promise<DraftSource | undefined> {
  if ((settings.draft ?? 'auto') !== 'auto') return findNamedDraft(store, settings);
  const modelPath = await store.draftBeside(file);
  return modelPath === undefined ? undefined : { kind: 'model', modelPath };
}

/**
 * The vision projector of a load: the one that it names, else the one beside the model.
 *
 * @throws CortexError errors of the store; `unsupported_parameter` for a projector that is not a file
 */
async function findProjector(
  store: ModelFiles,
  file: Pick<ModelFile, 'projector'>,
  { mmproj = 'auto' }: LoadSettings,
): Promise<string | undefined> {
  if (mmproj === 'off') return undefined;
  if (mmproj === 'auto') return file.projector;
  const source = mmproj.startsWith('/') ? `file:${mmproj}` : mmproj;
  if (isFileSource(source)) return (await store.findSource(source, 'mmproj')).path;
  throw new CortexError(
    'unsupported_parameter',
    `mmproj must be auto, off, or a file on this node, such as "file:Qwen/mmproj-F16.gguf", not ${mmproj}.`,
    { param: 'mmproj' },
  );
}

/** The files with the prediction layers of the model, if the load has no draft and does not forbid one. */
export async function withPredictionLayers(
  store: ModelFiles,
  file: ModelFile,
  files: HarnessFiles,
): Promise<HarnessFiles> {
  const { draft = 'auto' } = files.settings;
  if (draft !== 'auto' || files.draft) return files;
  return { ...files, predictionLayers: await store.predictionLayers(file) };
}

/** @throws CortexError errors of the store; `unsupported_parameter` for an adapter that is not a file */
export async function toHarnessFiles(
  store: ModelFiles,
  model: { readonly id: string; readonly file: ModelFile; readonly settings: LoadSettings },
): Promise<HarnessFiles> {
  const { id, file, settings } = model;
  return {
    modelId: id,
    modelPath: file.path,
    fingerprint: file.fingerprint,
    sizeBytes: file.sizeBytes,
    settings,
    lora: await findAdapters(store, settings),
    draft: await findDraft(store, file, settings),
    mmprojPath: await findProjector(store, file, settings),
  };
}
