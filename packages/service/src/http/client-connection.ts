/** Idle limit of a connection, in seconds: the defence against clients that send their request slowly or not at all. */
export const IDLE_LIMIT_S = 30;

/** The connection that a request came in by, and its idle limit. */
export class ClientConnection {
  readonly #server: Bun.Server<undefined>;
  readonly #request: Request;
  readonly #limitS: number;

  constructor(server: Bun.Server<undefined>, request: Request, limitS: number = IDLE_LIMIT_S) {
    this.#server = server;
    this.#request = request;
    this.#limitS = limitS;
  }

  /** The body has been read: until the answer ends, silence is the server working. */
  liftIdleLimit(): void {
    this.#server.timeout(this.#request, 0);
  }

  /**
   * The answer ends: what comes next on this connection is limited like its first request (behaviour 52).
   *
   * Bun keeps the limit with the connection, so a limit that stays lifted is lifted for all later requests too. Call it
   * before the last part of the answer is returned; once the answer is complete it has no effect.
   */
  restoreIdleLimit(): void {
    this.#server.timeout(this.#request, this.#limitS);
  }

  /** Closes the connection within seconds, for a client that takes no data. */
  drop(): void {
    this.#server.timeout(this.#request, 1);
  }
}
