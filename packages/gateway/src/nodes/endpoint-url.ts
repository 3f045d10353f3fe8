const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]|0\.0\.0\.0|\[::\])$/;

/** `base` and `path` as one URL, with exactly one slash between them. */
export function joinUrl(base: string, path: string): string {
  let end = base.length;
  while (end > 0 && base[end - 1] === '/') end -= 1;
  let start = 0;
  while (path[start] === '/') start += 1;
  return `${base.slice(0, end)}/${path.slice(start)}`;
}

/**
 * Where a node says inference goes, as reachable from here, without a slash at its end.
 *
 * A node that names itself `localhost` means its own machine, not ours: the host becomes the
 * configured one, the port stays.
 *
 * @throws TypeError when `told` is not a URL.
 */
export function reachableEndpoint(told: string, configured: string): string {
  const url = new URL(told);
  if (LOOPBACK.test(url.hostname)) url.hostname = new URL(configured).hostname;
  return joinUrl(url.origin, url.pathname).replace(/\/+$/, '');
}
