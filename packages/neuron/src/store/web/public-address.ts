/** Which addresses a download may connect to when a caller chose its URL. */
import { BlockList, isIP } from 'node:net';

/**
 * Addresses of this machine, its networks and of no host (IANA special-purpose registries). A caller could read
 * services through them that are not open to him.
 */
const NOT_PUBLIC: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  // Addresses that carry an IPv4 address: NAT64, 6to4.
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

const blocked = new BlockList();
for (const [network, bits, family] of NOT_PUBLIC) blocked.addSubnet(network, bits, family);

/** `::ffff:127.0.0.1` and `::ffff:7f00:1` as IPv4. */
function mappedIpv4(address: string): string | undefined {
  const tail = /^(?:0{0,4}:){0,5}:?(?:0{1,4}:)?:?ffff:(.+)$/i.exec(address)?.[1];
  if (tail === undefined || isIP(tail) === 4) return tail;
  const [high, low, rest] = tail.split(':').map((group) => Number.parseInt(group, 16));
  if (high === undefined || low === undefined || rest !== undefined) return undefined;
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Whether `address` is that of a host on the public internet. False for text that is not an address. */
export function isPublicAddress(address: string): boolean {
  const plain = mappedIpv4(address) ?? address;
  const family = isIP(plain);
  if (family === 0) return false;
  return !blocked.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}
