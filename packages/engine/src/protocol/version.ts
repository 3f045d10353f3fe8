/** Major version of the engine protocol. A peer with another one is not talked to. */
export const ENGINE_PROTOCOL = 1;

/** Exit codes of an engine process. Any other, or a signal, is a death. */
export const EXIT_CODES = {
  /** After `close`. */
  closed: 0,
  /** The other side speaks another major version, or did not begin with `hello`. */
  otherProtocol: 64,
} as const;

/** Items that an engine may send for a request before the first `credit`. */
export const INITIAL_CREDIT = 64;

/**
 * Items by which a request may overdraw its credit.
 *
 * Credit is checked between steps, and one step may bring more than one item for a request: one a choice, and what
 * was held back for a stop string. Beyond this the engine ignores credit.
 */
export const CREDIT_OVERDRAFT = 256;

/** A line longer than this ends the connection: a 64 MiB body, escaped in the worst common way, is below it. */
export const MAX_LINE_CHARS = 128 * 1024 * 1024;
