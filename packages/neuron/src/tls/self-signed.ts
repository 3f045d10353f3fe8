import { isIP } from 'node:net';

const DAY_MS = 86_400_000;
const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate and its private key, PEM. */
export interface SelfSigned {
  readonly cert: string;
  readonly key: string;
}

/**
 * The library, which the other commands start faster without. It needs the polyfill, does not import it itself, and
 * imports that stand side by side may run in any order.
 */
async function loadLibrary() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/**
 * Creates a key (ECDSA, P-256) and a certificate that it signs itself.
 *
 * @param options.hosts - Names and addresses of the node; the first is the subject.
 * @param options.nowMs - Wall clock. The certificate is valid from an hour before, for clocks that are behind.
 */
export async function createSelfSigned(options: {
  readonly hosts: readonly [string, ...string[]];
  readonly days: number;
  readonly nowMs: number;
}): Promise<SelfSigned> {
  const { hosts, days, nowMs } = options;
  const x509 = await loadLibrary();
  const keys = await crypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [hosts[0]] }],
      notBefore: new Date(nowMs - 3_600_000),
      notAfter: new Date(nowMs + days * DAY_MS),
      keys,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          hosts.map((value) => ({
            type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
            value,
          })),
        ),
      ],
    },
    crypto,
  );
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag)}\n`,
  };
}
