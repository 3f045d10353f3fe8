/*
 * Why a request got no answer. The messages complete a sentence about the node and are shown to callers, so they
 * never hold text of the runtime; that is in `cause`.
 */

/** What a node sent is not an HTTP/1.1 answer. */
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
  /** The connection had carried a request before, so the node may have closed it as idle. */
  readonly isReused: boolean;
  /** No byte of the request was written: the node cannot have begun to read it. */
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

/** A failed connect of the runtime as a reason of ours. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const code = codeOf(error);
  const isName = /ENOTFOUND|EAI_|DNS/.test(code);
  const reason = isName ? 'its host name cannot be resolved' : REASONS[code];
  return new ConnectError(reason ?? 'the connection attempt failed', { cause: error });
}
