/** The reason of an aborted signal, always as an error. */
export const toAbortError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError');
