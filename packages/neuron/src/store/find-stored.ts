/** Chooses the file of a load call among the files on this node. Pure. */
import { join, resolve } from 'node:path';

import { CortexError } from '@cortex/protocol';

import { isDraft } from './companions.ts';
import type { ModelFile } from './model-file.ts';
import { nearestQuants, sameQuant } from './quant-names.ts';

export interface FileRequest {
  readonly modelId: string;
  readonly source?: string | undefined;
  readonly quant?: string | undefined;
  /** `off`: no vision projector is wanted. */
  readonly mmproj?: string | undefined;
  /** Absent or `auto`: the draft model beside the model is wanted. */
  readonly draft?: string | undefined;
}

/** `org/repo/anything` of `org/repo`, `name-Q4_K_M` of `name`; but not `name-large`, which is another model. */
export const isVariantOf = ({ id, quant }: ModelFile, modelId: string): boolean =>
  id.startsWith(`${modelId}/`) ||
  (quant !== undefined &&
    id.length === modelId.length + 1 + quant.length &&
    id.startsWith(modelId) &&
    !/[a-z0-9]/i.test(id.charAt(modelId.length)));

/** The file, or why there is none. */
export type Stored =
  | { readonly kind: 'found'; readonly file: ModelFile }
  | { readonly kind: 'absent'; readonly error: CortexError };

const absent = (message: string, param: string): Stored => ({
  kind: 'absent',
  error: new CortexError('model_load_failed', message, { param }),
});

const found = (file: ModelFile): Stored => ({ kind: 'found', file });

/** @param files - The candidates, by id. */
export function findStored(
  { modelId, quant }: FileRequest,
  {
    files,
    modelsDir,
  }: { readonly files: ReadonlyMap<string, ModelFile>; readonly modelsDir: string },
): Stored {
  const exact = files.get(modelId);
  const variants = [...files.values()].filter((file) => isVariantOf(file, modelId));
  // A draft beside a model is not meant by the name of that model.
  const models = variants.filter(({ id }) => !isDraft(id.slice(modelId.length)));
  const below = models.length > 0 ? models : variants;
  const candidates = exact ? [exact, ...below] : below;
  if (quant === undefined) {
    const [only] = candidates;
    if (exact) return found(exact);
    if (only && candidates.length === 1) return found(only);
  } else {
    const match = candidates.find(
      (file) => file.quant !== undefined && sameQuant(file.quant, quant),
    );
    if (match) return found(match);
    // A name without a quantisation is accepted; the engine reports the loaded one.
    if (exact && exact.quant === undefined) return found(exact);
  }
  if (candidates.length === 0) {
    return absent(
      `${join(resolve(modelsDir), modelId)}.gguf does not exist. Put the file there, or name a source, such as "hf:org/repo", from which it is pulled.`,
      'model_id',
    );
  }
  if (quant === undefined) {
    const available = candidates.map((file) => file.quant ?? file.id).join(', ');
    return absent(
      `${modelId} matches several files (${available}). Choose one with quant or by its own id.`,
      'quant',
    );
  }
  const names = candidates.map((file) => file.quant ?? file.id);
  return absent(
    `${modelId} is not on this node as ${quant}. Available: ${nearestQuants(quant, names).join(', ')}.`,
    'quant',
  );
}
