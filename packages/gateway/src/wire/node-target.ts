/** How a node is reached and authenticated. */
export interface NodeTarget {
  /** Base URL from the configuration: scheme, host, port and path prefix of every request. */
  readonly endpoint: string;
  /** Bearer token; undefined: none is sent. */
  readonly token?: string | undefined;
  /** SHA-256 of the certificate's DER form, 64 lower-case hex digits; undefined: host name and chain are checked. */
  readonly tlsFingerprint?: string | undefined;
  /** Time limit for connecting, TLS handshake included. */
  readonly connectMs: number;
}

/** Whether both are the same node with the same credentials. */
export const isSameTarget = (a: NodeTarget, b: NodeTarget): boolean =>
  a.endpoint === b.endpoint &&
  a.token === b.token &&
  a.tlsFingerprint === b.tlsFingerprint &&
  a.connectMs === b.connectMs;
