import { CortexError } from '@cortex/protocol';

import type { EngineLoadSpec } from '../../engine.ts';

/** Sequences that a context of llama.cpp can number. */
const MAX_SLOTS = 256;

/**
 * Refuses sizes that no load can give.
 *
 * @param trainedContextTokens - What the model was trained for: beyond it answers are noise. Undefined: not known.
 * @throws CortexError `model_load_failed` naming the setting and how far it may go.
 */
export function checkSize(
  { modelPath, slots, contextLength }: EngineLoadSpec,
  trainedContextTokens: number | undefined,
): void {
  if (slots !== 'auto' && slots > MAX_SLOTS)
    throw refusal(modelPath, `slots = ${slots} is more than the ${MAX_SLOTS} that are possible`);
  if (contextLength === 'auto' || trainedContextTokens === undefined) return;
  if (contextLength > trainedContextTokens)
    throw refusal(
      modelPath,
      `context_length = ${contextLength} is more than the ${trainedContextTokens} tokens it was trained for`,
    );
}

const refusal = (modelPath: string, why: string): CortexError =>
  new CortexError('model_load_failed', `Cannot load ${modelPath}: ${why}.`);
