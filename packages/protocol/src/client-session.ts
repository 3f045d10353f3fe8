/** Headers in which clients name the session of a request. The first one present is used. */
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id'] as const;

/**
 * The session that a client names; undefined when it names none. It can be as long as a header: hash it before
 * storing it.
 */
export function sessionOf(headers: Headers): string | undefined {
  for (const name of SESSION_HEADERS) {
    const session = headers.get(name);
    if (session !== null && session !== '') return session;
  }
  return undefined;
}
