import { CortexError } from '@cortex/protocol';
import { type SecretCheck } from '@cortex/service';

/** The key of a request, as OpenAI or Anthropic clients send it. */
function keyOf(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '')?.[1];
  return bearer ?? headers.get('x-api-key') ?? undefined;
}

const LOOPBACK_PEER = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** Which peers may call the admin API, with its key. */
export type AdminPeers = 'any' | 'this machine';

interface AdminAccess {
  readonly key: SecretCheck;
  readonly peers: AdminPeers;
}

/**
 * Admits callers with the admin key (contracts, section 1). A loopback address is no substitute for the key: behind
 * a reverse proxy on this machine every client has one.
 *
 * @returns a check that throws CortexError `invalid_api_key`, `forbidden` or `unsupported_media_type`; `peer` is
 * the remote address of the connection
 */
export function createAdminAccess({
  key: adminKey,
  peers,
}: AdminAccess): (request: Request, peer: string) => void {
  return ({ headers, method }, peer) => {
    if (peers === 'this machine' && !LOOPBACK_PEER.test(peer)) {
      throw new CortexError(
        'forbidden',
        'This gateway accepts admin calls only from its own machine.',
      );
    }
    const key = keyOf(headers);
    if (key === undefined) {
      throw new CortexError(
        'invalid_api_key',
        'The admin API needs the admin key as "Authorization: Bearer KEY". The key is in the file that auth.admin_key_file names, or else in admin.key in the state folder of the gateway.',
      );
    }
    if (!adminKey.isValid(key)) throw new CortexError('invalid_api_key', 'The admin key is wrong.');
    const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (method === 'POST' && type !== 'application/json') {
      throw new CortexError(
        'unsupported_media_type',
        'The admin API requires Content-Type: application/json.',
      );
    }
  };
}
