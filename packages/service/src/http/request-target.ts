import { isIPv6 } from 'node:net';

const HOST = /^(?:\[([^\]]*)\]|[A-Za-z0-9._~-]+)(?::(\d{1,5})?)?$/;
const MAX_PORT = 65_535;

/** A `Host` header without its port, in lower case and without the dot of a fully qualified name. */
export const hostNameOf = (host: string): string =>
  host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();

/** Whether `host` is a valid `Host` header: a name, an IPv4 address or `[IPv6]`, with an optional port. */
export function isValidHost(host: string): boolean {
  const match = HOST.exec(host);
  if (match === null) return false;
  const [, address, port] = match;
  return (address === undefined || isIPv6(address)) && Number(port ?? 0) <= MAX_PORT;
}

/** Index of the path in a request's URL. Without a valid Host, Bun reports only the request target. */
function pathStart(url: string): number {
  if (url.startsWith('/')) return 0;
  const start = url.indexOf('/', url.indexOf('://') + 3);
  return start === -1 ? url.length : start;
}

/**
 * The path by which a request is routed (contracts, section 1): without query and trailing slash, repeated slashes
 * merged. Percent-encoded characters stay encoded.
 */
export function routePath({ url }: { readonly url: string }): string {
  const start = pathStart(url);
  const query = url.slice(start).search(/[?#]/);
  const path = query === -1 ? url.slice(start) : url.slice(start, start + query);
  if (!path.includes('//') && !(path.length > 1 && path.endsWith('/'))) return path || '/';
  const merged = path.replaceAll(/\/{2,}/g, '/');
  return merged.length > 1 && merged.endsWith('/') ? merged.slice(0, -1) : merged;
}
