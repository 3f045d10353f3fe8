import type { ByteEdit, ByteRange } from '@cortex/protocol';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;

/**
 * Removes the members of one JSON object that have these values.
 *
 * A member goes with the comma before it. Those at the head of the object go with the comma behind them, since none is
 * before.
 *
 * @param values - In any order. At least one member of the object stays.
 */
export function removeMembers(bytes: Uint8Array, values: readonly ByteRange[]): ByteEdit[] {
  const edits: ByteEdit[] = [];
  let headEnd = -1;
  for (const [start, end] of values.toSorted((a, b) => a[0] - b[0])) {
    const key = keyStart(bytes, start);
    const before = lastBefore(bytes, key);
    const isHead = bytes[before] === OPEN_BRACE || before < headEnd;
    if (isHead) {
      headEnd = bytes.indexOf(COMMA, end) + 1;
      edits.push({ range: [key, headEnd], parts: [] });
    } else edits.push({ range: [before, end], parts: [] });
  }
  return edits;
}

/** Where the key of the value at `start` begins. A key that was found by its name has no quote inside. */
function keyStart(bytes: Uint8Array, start: number): number {
  const colon = lastBefore(bytes, start);
  if (bytes[colon] !== COLON) throw new Error('The value is not that of a member.');
  return bytes.lastIndexOf(QUOTE, lastBefore(bytes, colon) - 1);
}

/** The last byte before `at` that is not white space. */
function lastBefore(bytes: Uint8Array, at: number): number {
  let before = at - 1;
  while ((bytes[before] ?? QUOTE) <= 0x20) before -= 1;
  return before;
}
