type Env = Record<string, string | undefined>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether `url` is reached without leaving this machine, by its host's name or address. */
export const isLoopbackUrl = (url: string): boolean => LOOPBACK.test(new URL(url).hostname);

/**
 * Keeps `HTTP_PROXY` and `ALL_PROXY` away from calls to the host of `url`, in this process and those it starts.
 *
 * `fetch` reads these variables at every call, and has no option that means "no proxy". The lower-case spelling wins
 * there, so both get the same value.
 */
export function bypassProxy(url: string, env: Env = process.env): void {
  const { hostname } = new URL(url);
  const listed = (env['no_proxy'] || env['NO_PROXY'] || '').split(',').filter(Boolean);
  const hosts = [...new Set([...listed, hostname])].join(',');
  env['NO_PROXY'] = hosts;
  env['no_proxy'] = hosts;
}
