/*
 * Reasons why a request got no answer. The messages complete a sentence about the node and are shown to clients.
 * They contain no text of the runtime, which is in `cause`.
 */

/** A node sent bytes that are not a valid HTTP/1.1 answer. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** No connection was made, so no byte of a request was sent. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

/** The connection ended before the head of an answer. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  /** Whether the connection had carried a request before, so that the node may have closed it as idle. */
  readonly isReused: boolean;
  /** Whether no byte of the request was written, so that the node cannot have started to read it. */
  readonly isUnsent: boolean;

  constructor(cause: unknown, sent: { readonly isReused: boolean; readonly isUnsent: boolean }) {
    super('the connection was closed before an answer', { cause });
    this.isReused = sent.isReused;
    this.isUnsent = sent.isUnsent;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no route to its host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'its host did not answer',
  EMFILE: 'cortex has no file descriptors left',
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** Converts a connect error of the runtime. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const code = codeOf(error);
  const isName = /ENOTFOUND|EAI_|DNS/.test(code);
  const reason = isName ? 'its host name cannot be resolved' : REASONS[code];
  return new ConnectError(reason ?? 'the connection attempt failed', { cause: error });
}
