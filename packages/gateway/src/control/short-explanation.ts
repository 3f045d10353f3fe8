/** Characters of an explanation in a record, or in a header: reverse proxies often limit all headers of an answer to 4 KiB. */
const MAX_CHARS = 1000;

/**
 * As many of the sentences as fit, the first one cut if it is too long: a large fleet has a part of a sentence for each node.
 *
 * @param lengthOf - The length that counts, such as that of the encoded text.
 */
export function shortExplanation(
  sentences: readonly string[],
  lengthOf: (text: string) => number = ({ length }) => length,
): string {
  const [first = '', ...others] = sentences;
  let text = first.length > MAX_CHARS ? `${first.slice(0, MAX_CHARS - 1)}…` : first;
  while (lengthOf(text) > MAX_CHARS) text = `${text.slice(0, text.length * 0.8)}…`;
  for (const sentence of others) {
    const longer = `${text} ${sentence}`;
    if (lengthOf(longer) > MAX_CHARS) break;
    text = longer;
  }
  return text;
}
