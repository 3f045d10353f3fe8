const NOT_PLAIN = /[^\x21-\x24\x26-\x7e]/;

/**
 * Encodes text from a caller or a file (a model id, a node name, a principal) as a header value. Characters other
 * than visible ASCII, and the percent sign, are percent-encoded as UTF-8. `decodeURIComponent` restores the text.
 */
export function toHeaderText(text: string): string {
  if (!NOT_PLAIN.test(text)) return text;
  let encoded = '';
  for (const byte of new TextEncoder().encode(text)) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x25;
    encoded += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
