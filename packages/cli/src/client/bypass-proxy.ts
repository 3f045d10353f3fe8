type Env = Record<string, string | undefined>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether the host of `url` is a loopback name or address. */
export const isLoopbackUrl = (url: string): boolean => LOOPBACK.test(new URL(url).hostname);

/**
 * Excludes the host of `url` from `HTTP_PROXY` and `ALL_PROXY`, in this process and its children.
 *
 * `fetch` reads these variables at every call and has no option to disable a proxy. It prefers the lower-case name,
 * so both get the same value.
 */
export function bypassProxy(url: string, env: Env = process.env): void {
  const { hostname } = new URL(url);
  const listed = (env['no_proxy'] || env['NO_PROXY'] || '').split(',').filter(Boolean);
  const hosts = [...new Set([...listed, hostname])].join(',');
  env['NO_PROXY'] = hosts;
  env['no_proxy'] = hosts;
}
