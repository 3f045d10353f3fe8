import type { EngineLoadSpec } from '../../engine.ts';

/** Sequences that a context of llama.cpp can number. */
const MAX_SLOTS = 256;

/**
 * Why no load can give the sizes asked for, naming the setting and how far it may go; undefined: it may.
 *
 * @param trainedContextTokens - What the model was trained for: beyond it answers are noise. Undefined: not known.
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
