/** Headers in which clients name the session that a request belongs to, the first that is there counts. */
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id'] as const;

/**
 * The session that a client names; undefined when it names none. It may be as long as a header: hash it before it is
 * kept.
 */
export function sessionOf(headers: Headers): string | undefined {
  for (const name of SESSION_HEADERS) {
    const session = headers.get(name);
    if (session !== null && session !== '') return session;
  }
  return undefined;
}
