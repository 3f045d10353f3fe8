import { setImmediate as nextTurn } from 'node:timers/promises';

import type { InputVocabulary } from './input-tokens.ts';

/** Characters that are tokenized without a pause. 5 million in one call took 3 s. */
const PIECE_CHARS = 32_768;

/**
 * Whether `text` has far more tokens than `contextTokens`. Counts piece by piece, lets other work run in between, and
 * stops as soon as the result is known.
 *
 * A cut between two pieces may add a token or two, so only a text that is twice too long counts. Others are counted
 * exactly later.
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
