import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

import { type SealedBody } from '@cortex/protocol';

import { type JoinToken } from './join-token.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Each direction has a key of its own, so that a call cannot be sent back as its answer. */
const INFO = {
  request: 'cortex join v1 request',
  answer: 'cortex join v1 answer',
} as const;

/** Who writes the body: the node, or the gateway. */
export type JoinDirection = keyof typeof INFO;

const keyFor = ({ secret }: JoinToken, direction: JoinDirection): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', INFO[direction], KEY_BYTES));

/** `value` as JSON that only the holder of `token` can read and write. */
export function seal(token: JoinToken, direction: JoinDirection, value: unknown): SealedBody {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyFor(token, direction), iv);
  cipher.setAAD(Buffer.from(token.id));
  const data = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return {
    iv: iv.toString('base64url'),
    data: Buffer.concat([data, cipher.getAuthTag()]).toString('base64url'),
  };
}

/** The value of a body that was sealed with `token` in this direction; undefined for any other body. */
export function unseal(
  token: JoinToken,
  direction: JoinDirection,
  { iv, data }: SealedBody,
): unknown {
  const nonce = Buffer.from(iv, 'base64url');
  const bytes = Buffer.from(data, 'base64url');
  if (nonce.length !== IV_BYTES || bytes.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, keyFor(token, direction), nonce, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(token.id));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(0, -TAG_BYTES));
    return JSON.parse(Buffer.concat([text, decipher.final()]).toString('utf8'));
  } catch {
    // Written with another secret, or changed on its way.
    return undefined;
  }
}
