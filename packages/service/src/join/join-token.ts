import { randomBytes } from 'node:crypto';

/** In hex, so that a token never begins with "-", as an option of a command does. */
const ID_BYTES = 6;
const SECRET_BYTES = 32;
const FORM = /^([0-9a-f]{12})([A-Za-z0-9_-]{43})$/;

/** What lets one node join the fleet: an id, which is sent, and a secret, which never is. */
export interface JoinToken {
  readonly id: string;
  /** 256 bits. */
  readonly secret: Buffer;
}

export const createJoinToken = (): JoinToken => ({
  id: randomBytes(ID_BYTES).toString('hex'),
  secret: randomBytes(SECRET_BYTES),
});

/** One printable word. */
export const formatJoinToken = ({ id, secret }: JoinToken): string =>
  `${id}${secret.toString('base64url')}`;

/** The token that `text` is; undefined if it is none. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return { id, secret: Buffer.from(secret, 'base64url') };
}
