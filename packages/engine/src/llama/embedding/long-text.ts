import { setImmediate as nextTurn } from 'node:timers/promises';

import type { InputVocabulary } from './input-tokens.ts';

/** Characters whose tokens are made without a pause. 5 million in one go took 3 s. */
const PIECE_CHARS = 32_768;

/**
 * Whether `text` has far more tokens than `contextTokens`: looked at piece by piece, with turns for others between, and
 * no further than is needed to know.
 *
 * A cut between two pieces makes a token or two more, so that only what is twice too long counts. What is not far too
 * long is left to be counted exactly.
 */
export async function isFarTooLong(
  vocabulary: Pick<InputVocabulary, 'tokenize'>,
  text: string,
  contextTokens: number,
): Promise<boolean> {
  if (text.length <= PIECE_CHARS) return false;
  let tokens = 0;
  for (let from = 0; from < text.length; from += PIECE_CHARS) {
    const piece = text.slice(from, from + PIECE_CHARS).toWellFormed();
    tokens += vocabulary.tokenize(piece, { parseSpecial: false }).length;
    if (tokens > 2 * contextTokens) return true;
    await nextTurn();
  }
  return false;
}
