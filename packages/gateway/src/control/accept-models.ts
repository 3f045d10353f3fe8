import { MAX_MODEL_CHARS, type ModelEntry } from '@cortex/protocol';

/** Per node. Everything that is known of a model is kept once for each. */
const MAX_MODELS = 10_000;

/**
 * The models of a node's list that can be asked for, at most 10,000: a node decides neither how much is kept nor
 * how long a name is.
 */
export function acceptModels(models: readonly ModelEntry[]): readonly ModelEntry[] {
  const named = models.filter(({ id }) => id !== '' && id.length <= MAX_MODEL_CHARS);
  return named.slice(0, MAX_MODELS);
}
