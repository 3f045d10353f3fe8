/** Major version of the engine protocol. Peers with another version are refused. */
export const ENGINE_PROTOCOL = 1;

/** Exit codes of an engine process. Any other, or a signal, is a death. */
export const EXIT_CODES = {
  /** After `close`. */
  closed: 0,
  /** The other side speaks another major version, or did not start with `hello`. */
  otherProtocol: 64,
} as const;

/** Items that an engine may send for a request before the first `credit`. */
export const INITIAL_CREDIT = 64;

/**
 * Items by which a request may overdraw its credit.
 *
 * Credit is checked between steps, and one step may bring more than one item for a request: one per choice, and
 * text that was held back for a stop string. Beyond this the engine ignores credit.
 */
export const CREDIT_OVERDRAFT = 256;

/** A line longer than this ends the connection: a 64 MiB body, escaped in the worst common way, is below it. */
export const MAX_LINE_CHARS = 128 * 1024 * 1024;
