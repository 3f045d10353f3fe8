import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { type z } from 'zod';

import {
  type ConfiguredFile,
  fileError,
  type PrivateFile,
  readPrivateFile,
} from '../config/secret-file.ts';
import { systemReason } from '../system-reason.ts';

/** The files of a listener with TLS, PEM. */
interface TlsFiles {
  /** The certificate, followed by those of its chain if there are any. */
  readonly cert: ConfiguredFile;
  /** Its private key, without a passphrase. */
  readonly key: ConfiguredFile;
}

/** The certificate of a listener and its key. */
export interface TlsIdentity {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** `sha256:` and the SHA-256 of the certificate's DER form: the value of `tls_fingerprint` in cortex.toml. */
  readonly fingerprint: string;
  /** End of its validity. */
  readonly validTo: Date;
  readonly warnings: readonly string[];
}

/** A check for the table of a configuration with the keys `tls_cert` and `tls_key`: both, or neither. */
export function checkTlsPair(
  table: { readonly tls_cert?: string | undefined; readonly tls_key?: string | undefined },
  context: z.RefinementCtx,
): void {
  const { tls_cert: cert, tls_key: key } = table;
  if ((cert === undefined) === (key === undefined)) return;
  const [set, other] = cert === undefined ? ['tls_key', 'tls_cert'] : ['tls_cert', 'tls_key'];
  context.addIssue({ code: 'custom', path: [set], message: `needs ${other} as well` });
}

function readText(configured: ConfiguredFile): string {
  try {
    return readFileSync(configured.file, 'utf8');
  } catch (error) {
    throw fileError(configured, `cannot be read: ${systemReason(error)}`, error);
  }
}

function parseCertificate(text: string, configured: ConfiguredFile): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw fileError(configured, 'is not a certificate in PEM form', error);
  }
}

function parseKey({ text }: PrivateFile, configured: ConfiguredFile): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const problem = text.includes('ENCRYPTED')
      ? 'is protected by a passphrase: write it without one ("openssl pkey -in FILE -out NEW")'
      : 'is not a private key in PEM form';
    throw fileError(configured, problem, error);
  }
}

/**
 * Reads the certificate and the key of a listener.
 *
 * @param nowMs - Wall clock, for the validity of the certificate.
 * @throws ConfigError when a file cannot be used, or the key does not belong to the certificate
 */
export function readTlsIdentity(files: TlsFiles, nowMs: number): TlsIdentity {
  const cert = readText(files.cert);
  const privateFile = readPrivateFile(files.key);
  const certificate = parseCertificate(cert, files.cert);
  if (!certificate.checkPrivateKey(parseKey(privateFile, files.key)))
    throw fileError(files.key, `is not the key of the certificate ${files.cert.file}`);
  try {
    createSecureContext({ cert, key: privateFile.text });
  } catch (error) {
    throw fileError(files.cert, `cannot be used: ${systemReason(error)}`, error);
  }
  const validTo = new Date(certificate.validTo);
  const hasExpired = validTo.getTime() < nowMs;
  const expiry = `expired on ${validTo.toISOString().slice(0, 10)}`;
  return {
    cert,
    key: privateFile.text,
    fingerprint: `sha256:${createHash('sha256').update(certificate.raw).digest('hex')}`,
    validTo,
    warnings: [
      ...(privateFile.warning === undefined ? [] : [privateFile.warning]),
      ...(hasExpired ? [fileError(files.cert, expiry).message] : []),
    ],
  };
}
