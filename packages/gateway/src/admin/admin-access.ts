import { timingSafeEqual } from 'node:crypto';

import { CortexError } from '@cortex/protocol';

const LOOPBACK_PEER = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOOPBACK_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;

const sha256 = (text: string): Buffer => new Bun.CryptoHasher('sha256').update(text).digest();

/** The key a request brings, as OpenAI or as Anthropic clients send it. */
function keyOf(headers: Headers): string | undefined {
  const bearer = /^Bearer (.+)$/i.exec(headers.get('authorization') ?? '')?.[1];
  return bearer ?? headers.get('x-api-key') ?? undefined;
}

const isForwarded = (headers: Headers): boolean =>
  [...headers.keys()].some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'));

/** A page of another site that reaches this machine by the visitor's browser. */
function hasForeignOrigin(headers: Headers, host: string): boolean {
  const origin = headers.get('origin');
  return origin !== null && origin !== `http://${host}` && origin !== `https://${host}`;
}

/** Why a peer without a key is no operator at this machine; undefined when it is one. */
function localProblem(request: Request, peer: string): string | undefined {
  const { headers } = request;
  const host = headers.get('host') ?? '';
  if (!LOOPBACK_PEER.test(peer)) return 'it did not come from this machine';
  if (isForwarded(headers)) return 'it came through a proxy';
  if (!LOOPBACK_HOST.test(host)) return `its Host is "${host}"`;
  if (hasForeignOrigin(headers, host)) return 'it came from a web page of another origin';
  return undefined;
}

/**
 * Lets operators through: whoever has the admin key, else whoever is on this machine (contracts, section 1).
 *
 * @param adminKey - Absent: there is none, only local access.
 * @returns a check that throws CortexError `forbidden`, `invalid_api_key` or `unsupported_media_type`.
 */
export function createAdminAccess(
  adminKey: string | undefined,
): (request: Request, peer: string) => void {
  const wanted = adminKey === undefined ? undefined : sha256(adminKey);
  const hasKey = (key: string | undefined): boolean =>
    wanted !== undefined && key !== undefined && timingSafeEqual(sha256(key), wanted);
  return (request, peer) => {
    const { headers } = request;
    const key = keyOf(headers);
    if (!hasKey(key)) {
      const problem = localProblem(request, peer);
      if (problem !== undefined) {
        if (key !== undefined && wanted !== undefined)
          throw new CortexError('invalid_api_key', 'This is not the admin key.');
        throw new CortexError(
          'forbidden',
          `The admin API needs the admin key, or a call from this machine: ${problem}.`,
        );
      }
    }
    const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    // A form of a foreign page can be sent without asking; JSON cannot.
    if (request.method === 'POST' && type !== 'application/json') {
      throw new CortexError(
        'unsupported_media_type',
        'The admin API takes Content-Type: application/json.',
      );
    }
  };
}
