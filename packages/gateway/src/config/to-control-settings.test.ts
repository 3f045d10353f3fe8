import { expect, test } from 'bun:test';

import { toTlsFingerprint } from './to-control-settings.ts';

test.each(['sha256:', 'SHA256:', 'Sha256:'])(
  'the fingerprint of a node’s certificate is read after %p, in upper case and in lower case',
  (prefix) => {
    expect(toTlsFingerprint({ tls_fingerprint: `${prefix}${'aB'.repeat(32)}` })).toBe(
      'ab'.repeat(32),
    );
  },
);
