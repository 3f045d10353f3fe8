import type { EngineLoadSpec, LoadMode } from '../../engine/load.ts';
import type { Context, Library, Model } from '../binding.ts';
import type { Drafter } from './drafter.ts';
import { LookupDrafter } from './lookup-drafter.ts';
import { ModelDrafter } from './model-drafter.ts';

export interface DraftedModel {
  readonly model: Model;
  readonly context: Context;
  readonly slots: number;
  readonly contextTokens: number;
  readonly batchTokens: number;
}

/**
 * The drafter that the load spec asks for; undefined: none.
 *
 * @throws Error naming the incompatibility.
 */
export async function loadDrafter(
  library: Library,
  spec: EngineLoadSpec,
  options: {
    readonly drafted: DraftedModel;
    readonly loadMode: LoadMode;
    readonly signal: AbortSignal;
  },
): Promise<Drafter | undefined> {
  const { draft } = spec;
  const { drafted, loadMode, signal } = options;
  if (draft === undefined) return undefined;
  if (drafted.model.hasRecurrentState) {
    throw new Error(
      'speculative decoding ("draft") requires a model whose cells can be cut; this model has recurrent state',
    );
  }
  if (draft.kind === 'lookup') return new LookupDrafter();
  const model = await library.loadModel({
    path: draft.modelPath,
    gpuLayers: spec.backend === 'cpu' ? 0 : 'all',
    vocabOnly: false,
    loadMode,
    signal,
    onProgress: () => undefined,
  });
  const contextTokens = Math.min(drafted.contextTokens, model.trainedContextTokens);
  const context = await model.createContext({
    slots: drafted.slots,
    contextTokens,
    batchTokens: drafted.batchTokens,
    threads: spec.threads,
    kvType: spec.kvType,
    isBatchInvariant: spec.isBatchInvariant,
  });
  try {
    drafted.context.native.ensureDraftContextIsCompatibleForSpeculative(context.native);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`${draft.modelPath} cannot be its draft model: ${said}`, { cause: error });
  }
  return new ModelDrafter({
    model,
    context,
    batchTokens: drafted.batchTokens,
    contextTokens,
    vocabularySize: drafted.model.vocabulary.size,
  });
}
