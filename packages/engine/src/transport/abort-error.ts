/** The reason of an aborted signal as an error, whatever the caller gave. */
export const toAbortError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError');
