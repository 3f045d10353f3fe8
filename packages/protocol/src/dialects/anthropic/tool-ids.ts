/** Anthropic's clients and API accept these ids alone. */
const CLIENT_ID = /^[a-zA-Z0-9_-]+$/;

/** Before the base64url of an id that has other characters. */
const PREFIX = 'toolu_x64_';

const toBase64url = (text: string): string =>
  new TextEncoder().encode(text).toBase64({ alphabet: 'base64url', omitPadding: true });

/**
 * The id of a call as a client sees it. Ids with characters that clients refuse are encoded, such as
 * `functions.Bash:0`.
 */
export const toClientCallId = (nodeId: string): string =>
  CLIENT_ID.test(nodeId) && !nodeId.startsWith(PREFIX) ? nodeId : PREFIX + toBase64url(nodeId);

/** The id that `toClientCallId` has encoded; any other id is returned as it is. */
export function toNodeCallId(clientId: string): string {
  if (!clientId.startsWith(PREFIX)) return clientId;
  try {
    const encoded = clientId.slice(PREFIX.length);
    const bytes = Uint8Array.fromBase64(encoded, { alphabet: 'base64url' });
    const nodeId = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return nodeId !== '' && toClientCallId(nodeId) === clientId ? nodeId : clientId;
  } catch {
    // Somebody else's id that begins in the same way.
    return clientId;
  }
}
