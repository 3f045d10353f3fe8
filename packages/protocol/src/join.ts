/** The shapes of joining a fleet: `POST /admin/v1/join-tokens` and `POST /admin/v1/join` (contracts, section 1). */
import { z } from 'zod';

/** The name of a node. It is used in URLs, headers, labels, `id@node` and file names. */
export const NodeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 letters, digits, ".", "_" or "-", and start with a letter or a digit',
  );

/** The pin of a certificate in a configuration: `sha256:` and the SHA-256 of its DER form. */
export const TlsFingerprint = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/i, 'must be "sha256:" and 64 hex digits');

/** Answer of `POST /admin/v1/join-tokens`. */
export const AdminJoinToken = z.looseObject({
  token: z.string(),
  /** Seconds for which the token is valid, once. */
  expires_in_s: z.int(),
});
export type AdminJoinToken = z.infer<typeof AdminJoinToken>;

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/, 'must be base64url');

/** JSON that only the holder of the join token can read and write: AES-256-GCM, base64url. */
export const SealedBody = z.looseObject({
  iv: base64url,
  /** The ciphertext with its tag at the end. */
  data: base64url,
});
export type SealedBody = z.infer<typeof SealedBody>;

/** Body of `POST /admin/v1/join`. */
export const JoinCall = SealedBody.extend({
  /** The part of the join token that is no secret. */
  id: z.string(),
});
export type JoinCall = z.infer<typeof JoinCall>;

/** What a node says in a `JoinCall`. */
export const JoinRequest = z.looseObject({
  name: NodeName,
  port: z
    .int('must be a whole number')
    .min(1, 'must be from 1 to 65535')
    .max(65_535, 'must be from 1 to 65535'),
  /** Absent: the node speaks plain HTTP. */
  tls_fingerprint: TlsFingerprint.optional(),
  /** The bearer token that this node requires. */
  token: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 characters of visible ASCII without spaces'),
  /** Name or address by which the gateway reaches the node; absent: the address from which the call comes. */
  host: z
    .string()
    .min(1, 'must not be empty')
    .max(253, 'must have at most 253 characters')
    .optional(),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

/** The sealed answer of `POST /admin/v1/join`. */
export const JoinAnswer = z.looseObject({
  name: z.string(),
  /** The URL at which the gateway calls the node. */
  endpoint: z.string(),
});
export type JoinAnswer = z.infer<typeof JoinAnswer>;
