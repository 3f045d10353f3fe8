import { toHeaderText } from '@cortex/protocol';

/** Length of the value: reverse proxies often limit all headers of an answer to 4 KiB. */
const MAX_CHARS = 1000;

/** As many of the sentences as fit into the header, the first one cut if it is too long. */
export function explainHeader(sentences: readonly string[]): string {
  const [first = '', ...others] = sentences;
  let text = first;
  while (toHeaderText(text).length > MAX_CHARS) text = `${text.slice(0, text.length * 0.8)}…`;
  for (const sentence of others) {
    const longer = `${text} ${sentence}`;
    if (toHeaderText(longer).length > MAX_CHARS) break;
    text = longer;
  }
  return toHeaderText(text);
}

/** `x-cortex-explain` of the answer to a request that waited for a load or was refused. */
export const EXPLAIN_HEADER = 'x-cortex-explain';
