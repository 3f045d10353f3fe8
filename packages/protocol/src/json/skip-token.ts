const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Bytes of a string that are checked one by one before the native search, whose call costs about as much as 20 of
 * them.
 */
const BY_HAND_BYTES = 24;
/** Window size of the native search, so that no step takes longer than a few milliseconds. */
const WINDOW_BYTES = 4 << 20;
/** Real numbers have fewer digits; the bound keeps each step short. */
const MAX_NUMBER_BYTES = 1 << 16;

/**
 * Skips the rest of a string from `from`, which is after the opening quote and not inside an escape.
 *
 * @returns the position after the closing quote; the negative position reached when `limit` was passed first
 * (continue there); 0 when the text ends inside the string.
 */
export function skipStringRest(bytes: Uint8Array, from: number, limit: number): number {
  const { length } = bytes;
  let at = from;
  let window: Uint8Array | undefined;
  for (;;) {
    const byHandEnd = Math.min(length, at + BY_HAND_BYTES);
    for (; at < byHandEnd; at += 1) {
      const byte = bytes[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at += 1;
    }
    if (at >= length) return 0;
    if (at >= limit) return -at;
    if (window === undefined || at >= window.length) window = bytes.subarray(0, at + WINDOW_BYTES);
    const quote = window.indexOf(QUOTE, at);
    const end = quote === -1 ? window.length : quote;
    let run = end;
    while (run > at && bytes[run - 1] === BACKSLASH) run -= 1;
    const isEscaped = (end - run) % 2 === 1;
    if (quote !== -1 && !isEscaped) return quote + 1;
    at = isEscaped ? end + 1 : end;
  }
}

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** End of the digits that begin at `at`; `at` itself when there are none. */
function digitsEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  const stop = at + MAX_NUMBER_BYTES;
  while (end < stop && isDigit(bytes[end])) end += 1;
  return end;
}

/**
 * End of the JSON number that begins at `start`; minus (the position of the error + 1) when it is not a valid
 * number.
 */
export function skipNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start;
  const whole = bytes[at] === 0x30 ? at + 1 : digitsEnd(bytes, at);
  if (whole === at) return -at - 1;
  at = whole;
  if (bytes[at] === 0x2e) {
    const fraction = digitsEnd(bytes, at + 1);
    if (fraction === at + 1) return -fraction - 1;
    at = fraction;
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    const first = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1;
    const exponent = digitsEnd(bytes, first);
    if (exponent === first) return -exponent - 1;
    at = exponent;
  }
  return at;
}
