import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';

import { ConnectError } from './wire-error.ts';

/** How the certificate of a node is checked. */
export interface PeerCheck {
  readonly hostname: string;
  /** 64 lower-case hex digits; undefined: host name and chain are checked. */
  readonly fingerprint: string | undefined;
}

const TO_PIN = 'set tls_fingerprint for this node to trust its certificate';

/** The TLS options for `check`. A fingerprint replaces the checks of host name and chain. */
export const tlsOptions = ({ hostname, fingerprint }: PeerCheck): Bun.TLSOptions => ({
  rejectUnauthorized: fingerprint === undefined,
  ...(isIP(hostname) === 0 && { serverName: hostname }),
});

/**
 * Checks the certificate that the peer presented in the handshake.
 *
 * @param chainError - Why the chain is not trusted; null when it is.
 * @throws ConnectError when the peer is not the configured node
 */
export function checkPeer(
  socket: Bun.TLSSocket,
  chainError: Error | null,
  { hostname, fingerprint }: PeerCheck,
): void {
  const certificate = socket.getPeerCertificate();
  // It is undefined if the peer does not speak TLS, although the types exclude this.
  if (!certificate || !('raw' in certificate))
    throw new ConnectError('it did not present a certificate', { cause: chainError });
  if (fingerprint !== undefined) {
    const shown = createHash('sha256').update(certificate.raw).digest('hex');
    if (shown !== fingerprint)
      throw new ConnectError('its certificate does not match tls_fingerprint');
    return;
  }
  if (chainError !== null)
    throw new ConnectError(`its certificate is not trusted: ${TO_PIN}`, { cause: chainError });
  const nameError = checkServerIdentity(hostname, certificate);
  if (nameError !== undefined)
    throw new ConnectError(`its certificate is for another host: ${TO_PIN}`, { cause: nameError });
}
