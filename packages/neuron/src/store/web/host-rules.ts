/** Which hosts a download may contact. Asked for the first URL and for every redirect. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { CortexError } from '@cortex/protocol';

import { isPublicAddress } from './public-address.ts';

export interface HostRules {
  /**
   * The address to connect to; undefined: that which the runtime resolves.
   *
   * @throws CortexError `model_load_failed` if the host must not be contacted, or has no address
   */
  addressFor(url: URL): Promise<string | undefined>;
}

/** For URLs that the operator chose. */
export const ANY_HOST: HostRules = { addressFor: () => Promise.resolve(undefined) };

type Resolve = (hostname: string) => Promise<readonly string[]>;

const resolveAll: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);

const refused = (message: string): CortexError =>
  new CortexError('model_load_failed', message, { param: 'source' });

/** The host of a URL as the resolver takes it: an IPv6 address without brackets. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/**
 * For URLs that a caller chose, over https only: the hosts in `allowed` and no others, or, if it is empty, every
 * host whose addresses are public.
 *
 * The connection goes to the address that was checked, so a name that resolves differently a moment later (DNS
 * rebinding) gains nothing.
 */
export function callerHosts(allowed: readonly string[], resolve: Resolve = resolveAll): HostRules {
  const names = new Set(allowed.map((host) => host.toLowerCase()));
  return {
    async addressFor(url) {
      if (url.protocol !== 'https:') {
        throw refused(`${url.origin} is not contacted, because it is not https.`);
      }
      const host = hostOf(url);
      if (names.size > 0) {
        if (names.has(host) || names.has(url.host)) return undefined;
        throw refused(`${url.host} is not contacted, because it is not in security.https_hosts.`);
      }
      const addresses = isIP(host) === 0 ? await resolveHost(host, resolve) : [host];
      const [first] = addresses;
      if (first !== undefined && addresses.every(isPublicAddress)) return first;
      throw refused(
        `${url.host} is not contacted, because its address is not public. Hosts of your own network must be in security.https_hosts.`,
      );
    },
  };
}

async function resolveHost(host: string, resolve: Resolve): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (cause) {
    throw new CortexError('model_load_failed', `The name ${host} cannot be resolved.`, {
      transient: true,
      param: 'source',
      cause,
    });
  }
}
