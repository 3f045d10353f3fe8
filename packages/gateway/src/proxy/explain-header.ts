import { toHeaderText } from '@cortex/protocol';

import { shortExplanation } from '../control/short-explanation.ts';

/** The value of the header for these sentences. */
export const explainHeader = (sentences: readonly string[]): string =>
  toHeaderText(shortExplanation(sentences, (text) => toHeaderText(text).length));

/** `x-cortex-explain` of the answer to a request that waited for a load or was refused. */
export const EXPLAIN_HEADER = 'x-cortex-explain';
