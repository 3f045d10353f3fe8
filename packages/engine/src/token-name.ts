const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a token; of one that is a part of a character its bytes, as OpenAI writes them: `bytes:\xe4\xbd`. */
export function tokenName(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => String.raw`\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}
