const BACKSLASH = 0x5c;
/** `\u0041` takes 6 bytes for a character that has 1 byte in UTF-8, which is the worst ratio. */
const MAX_ESCAPED_BYTES_PER_BYTE = 6;

// A byte order mark inside a string is an ordinary character.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

const isContinuation = (byte: number | undefined): boolean =>
  byte !== undefined && (byte & 0xc0) === 0x80;

/** The last position at or before `cut` that splits neither an escape nor a UTF-8 character. */
function wholeCharactersEnd(bytes: Uint8Array, start: number, cut: number): number {
  let end = cut;
  while (end > start && isContinuation(bytes[end])) end -= 1;
  // `\uXXXX` is the longest escape: only a backslash among the last 5 bytes can reach beyond the cut.
  for (let at = Math.max(start, end - 5); at < end; at += 1) {
    if (bytes[at] !== BACKSLASH) continue;
    let run = at;
    while (run > start && bytes[run - 1] === BACKSLASH) run -= 1;
    const isEscape = (at - run) % 2 === 0;
    if (isEscape && at + (bytes[at + 1] === 0x75 ? 6 : 2) > end) return at;
  }
  return end;
}

// eslint-disable-next-line no-control-regex -- JSON forbids them raw inside strings (RFC 8259, section 7).
const CONTROL = /[\0-\x1f]/;

/** The text of the JSON string whose inside (without quotes) is `[start, end)`. @throws SyntaxError if it is not one */
function parseInside(bytes: Uint8Array, start: number, end: number): string {
  const raw = decoder.decode(bytes.subarray(start, end));
  if (!raw.includes('\\') && !CONTROL.test(raw)) return raw;
  const text: unknown = JSON.parse(`"${raw}"`);
  return String(text);
}

/** `text` cut to at most `maxBytes` of UTF-8, at a character boundary. */
function truncateText(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

/**
 * Decodes the JSON string whose inside (without quotes) is `[start, end)`, at most its first `maxBytes` of UTF-8.
 *
 * Takes constant time for any length of string.
 *
 * @throws SyntaxError when the decoded part contains a control character or an invalid escape.
 */
export function readStringText(
  bytes: Uint8Array,
  [start, end]: readonly [number, number],
  maxBytes: number,
): string {
  if (end - start <= maxBytes) return parseInside(bytes, start, end);
  const plainEnd = wholeCharactersEnd(bytes, start, start + maxBytes);
  if (!bytes.subarray(start, plainEnd).includes(BACKSLASH))
    return parseInside(bytes, start, plainEnd);
  const longest = start + maxBytes * MAX_ESCAPED_BYTES_PER_BYTE;
  const cut = longest < end ? wholeCharactersEnd(bytes, start, longest) : end;
  return truncateText(parseInside(bytes, start, cut), maxBytes);
}

/**
 * The UTF-8 of what `readStringText` reads: without escapes a view of `bytes`, which costs nothing. A string with an
 * invalid escape is taken as it is written.
 */
export function readStringBytes(
  bytes: Uint8Array,
  [start, end]: readonly [number, number],
  maxBytes: number,
): Uint8Array {
  const stop = end - start <= maxBytes ? end : wholeCharactersEnd(bytes, start, start + maxBytes);
  const written = bytes.subarray(start, stop);
  if (!written.includes(BACKSLASH)) return written;
  try {
    return encoder.encode(readStringText(bytes, [start, end], maxBytes));
  } catch {
    return written;
  }
}
