import { hostname, networkInterfaces } from 'node:os';

import { type WholeFile } from '@cortex/service';

import type { SelfSigned } from './self-signed.ts';

/** Ten years: the certificate is trusted by its fingerprint, and replaced when the operator wants it. */
export const CERTIFICATE_DAYS = 3650;

/** The names and addresses of this machine. */
export function ownHosts(): readonly [string, ...string[]] {
  const addresses = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  // Link-local addresses have a zone, which a certificate cannot express.
  const named = addresses.filter(({ scopeid }) => !scopeid).map(({ address }) => address);
  return [hostname(), 'localhost', ...new Set(named)];
}

/** The two files of a certificate; only their owner can read the key. */
export const selfSignedFiles = (
  paths: { readonly cert: string; readonly key: string },
  { cert, key }: SelfSigned,
): readonly WholeFile[] => [
  { path: paths.key, text: key, mode: 0o600 },
  { path: paths.cert, text: cert, mode: 0o644 },
];
