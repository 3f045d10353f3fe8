import { MAX_MODEL_CHARS, type ModelEntry } from '@cortex/protocol';

/** Per node, because cortex keeps state for each model of each node. */
const MAX_MODELS = 10_000;

/**
 * The usable models of a node's list, at most 10,000, so that a node does not decide how much memory cortex uses.
 */
export function acceptModels(models: readonly ModelEntry[]): readonly ModelEntry[] {
  const named = models.filter(({ id }) => id !== '' && id.length <= MAX_MODEL_CHARS);
  return named.slice(0, MAX_MODELS);
}
