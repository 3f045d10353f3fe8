/** Idle limit of a connection, in seconds: the protection against clients that send their request slowly or never. */
export const IDLE_LIMIT_S = 30;

/** The connection of a request, and its idle limit. */
export class ClientConnection {
  readonly #server: Bun.Server<undefined>;
  readonly #request: Request;
  readonly #limitS: number;

  constructor(server: Bun.Server<undefined>, request: Request, limitS: number = IDLE_LIMIT_S) {
    this.#server = server;
    this.#request = request;
    this.#limitS = limitS;
  }

  /**
   * Call it once the body has been read: until the answer ends, the connection is idle only because the server
   * works.
   */
  liftIdleLimit(): void {
    this.#server.timeout(this.#request, 0);
  }

  /**
   * Call it when the answer ends: the next request on this connection has the same limit as the first (behaviour 52).
   *
   * Bun keeps the limit with the connection, so a lifted limit would stay lifted for later requests. Call it before
   * the last part of the answer is returned; it has no effect once the answer is complete.
   */
  restoreIdleLimit(): void {
    this.#server.timeout(this.#request, this.#limitS);
  }

  /** Closes the connection within seconds, for a client that does not read. */
  drop(): void {
    this.#server.timeout(this.#request, 1);
  }
}
