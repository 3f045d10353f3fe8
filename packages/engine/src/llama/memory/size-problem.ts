import type { EngineLoadSpec } from '../../engine/load.ts';

/** Maximum number of sequences in a context of llama.cpp. */
const MAX_SLOTS = 256;

/**
 * The reason why no load can have the requested sizes, with the setting and its maximum; undefined: they are possible.
 *
 * @param trainedContextTokens - The length that the model was trained with; beyond it answers are noise. Undefined:
 * unknown.
 */
export function sizeProblem(
  { slots, contextLength }: Pick<EngineLoadSpec, 'slots' | 'contextLength'>,
  trainedContextTokens: number | undefined,
): string | undefined {
  if (slots !== 'auto' && slots > MAX_SLOTS)
    return `slots = ${slots} is more than the ${MAX_SLOTS} that are possible`;
  if (contextLength === 'auto' || trainedContextTokens === undefined) return undefined;
  return contextLength > trainedContextTokens
    ? `context_length = ${contextLength} is more than the ${trainedContextTokens} tokens it was trained for`
    : undefined;
}
