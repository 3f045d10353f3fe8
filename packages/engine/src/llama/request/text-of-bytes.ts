const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of `bytes`; bytes that are not a character become U+FFFD. */
export const textOfBytes = (bytes: Uint8Array): string => UTF8.decode(bytes);
