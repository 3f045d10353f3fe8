import { BlockList, isIPv4, isIPv6 } from 'node:net';

import { sessionOf } from '@cortex/protocol';
import { networkOf, plainAddress } from '@cortex/service';

function blockListOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = '', prefix] = proxy.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function isIn(proxies: BlockList, address: string): boolean {
  const plain = plainAddress(address);
  return proxies.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** The principal of a request (contracts, section 1): a session, or else an address. */
export class Principals {
  /** Undefined: there are none. */
  #proxies: BlockList | undefined;

  /** @param trustedProxies - Proxies whose `X-Forwarded-For` is trusted: addresses or CIDR blocks. */
  constructor(trustedProxies: readonly string[]) {
    this.trust(trustedProxies);
  }

  /** Replaces the proxies that are trusted. */
  trust(proxies: readonly string[]): void {
    this.#proxies = proxies.length > 0 ? blockListOf(proxies) : undefined;
  }

  /** `session:<16 hex>` or `addr:<IPv4 or IPv6 /64>`. `peer` is the remote address of the connection. */
  of(headers: Headers, peer: string): string {
    const session = sessionOf(headers);
    if (session !== undefined) return hashSession(session);
    return `addr:${networkOf(this.addressOf(headers, peer))}`;
  }

  /** The address of the client: `peer`, or the one behind trusted proxies. */
  addressOf(headers: Headers, peer: string): string {
    return this.#proxies ? this.#clientBehind(this.#proxies, { headers, peer }) : peer;
  }

  /** The last address of the chain that is not one of the trusted proxies. */
  #clientBehind(
    proxies: BlockList,
    { headers, peer }: { readonly headers: Headers; readonly peer: string },
  ): string {
    const chain = (headers.get('x-forwarded-for') ?? '')
      .split(',')
      .map((text) => text.trim().replace(/^\[(.*)\](?::\d+)?$/, '$1'));
    let address = peer;
    while (isIn(proxies, address)) {
      const next = chain.pop();
      if (next === undefined || !(isIPv4(next) || isIPv6(next))) break;
      address = next;
    }
    return address;
  }
}

const hashSession = (session: string): string =>
  `session:${new Bun.CryptoHasher('sha256').update(session).digest('hex').slice(0, 16)}`;
