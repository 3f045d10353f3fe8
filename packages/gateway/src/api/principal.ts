import { BlockList, isIPv4, isIPv6 } from 'node:net';

const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id'] as const;
/** Remembered, because most requests come from a few clients; beyond it everything is forgotten at once. */
const MAX_REMEMBERED = 10_000;

/** `::ffff:10.0.0.1` → `10.0.0.1`: an IPv4 client of a listener on both families. */
const toPlainAddress = (address: string): string =>
  address.toLowerCase().startsWith('::ffff:') && isIPv4(address.slice(7))
    ? address.slice(7)
    : address;

/** The first four groups of an IPv6 address, written out: what one household or host has. */
function toSlash64(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: gap }, () => '0'), ...after];
  const first = groups.slice(0, 4).map((group) => Number.parseInt(group || '0', 16).toString(16));
  return `${first.join(':')}::/64`;
}

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

/** Who a request counts for (contracts, section 1): a session, else an address. */
export class Principals {
  readonly #proxies: BlockList;
  readonly #hasProxies: boolean;
  readonly #remembered = new Map<string, string>();

  /** @param trustedProxies - Peers whose `X-Forwarded-For` is believed: addresses or CIDR blocks. */
  constructor(trustedProxies: readonly string[]) {
    this.#proxies = blockListOf(trustedProxies);
    this.#hasProxies = trustedProxies.length > 0;
  }

  /** `session:<16 hex>` or `addr:<IPv4 or IPv6 /64>`. `peer` is the address the connection came from. */
  of(headers: Headers, peer: string): string {
    for (const name of SESSION_HEADERS) {
      const session = headers.get(name);
      if (session !== null && session !== '')
        return this.#remember(`session:${session}`, () => hashSession(session));
    }
    const address = this.#hasProxies ? this.#clientBehind(headers, peer) : peer;
    return this.#remember(address, () => {
      const plain = toPlainAddress(address);
      return `addr:${isIPv6(plain) ? toSlash64(plain) : plain}`;
    });
  }

  /** The nearest address in the chain that is no proxy of ours. */
  #clientBehind(headers: Headers, peer: string): string {
    const chain = (headers.get('x-forwarded-for') ?? '')
      .split(',')
      .map((text) => text.trim().replace(/^\[(.*)\](?::\d+)?$/, '$1'));
    let address = peer;
    while (this.#isProxy(address)) {
      const next = chain.pop();
      if (next === undefined || !(isIPv4(next) || isIPv6(next))) break;
      address = next;
    }
    return address;
  }

  #isProxy(address: string): boolean {
    const plain = toPlainAddress(address);
    return this.#proxies.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }

  #remember(key: string, make: () => string): string {
    let principal = this.#remembered.get(key);
    if (principal === undefined) {
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      principal = make();
      this.#remembered.set(key, principal);
    }
    return principal;
  }
}

const hashSession = (session: string): string =>
  `session:${new Bun.CryptoHasher('sha256').update(session).digest('hex').slice(0, 16)}`;
