type Env = Record<string, string | undefined>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether the host of `url` is a loopback name or address. */
export const isLoopbackUrl = (url: string): boolean => LOOPBACK.test(new URL(url).hostname);

/** Entries of `NO_PROXY`. `fetch` prefers the lower-case name. */
const exceptionsOf = (env: Readonly<Env>): string[] =>
  (env['no_proxy'] || env['NO_PROXY'] || '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);

/**
 * Excludes the host of `url` from `HTTP_PROXY` and `HTTPS_PROXY`, in this process and its children.
 *
 * `fetch` reads these variables at every call and has no option to disable a proxy. It prefers the lower-case name,
 * so both get the same value.
 */
export function bypassProxy(url: string, env: Env = process.env): void {
  const { hostname } = new URL(url);
  const hosts = [...new Set([...exceptionsOf(env), hostname])].join(',');
  env['NO_PROXY'] = hosts;
  env['no_proxy'] = hosts;
}

/** A proxy of the environment. */
export interface Proxy {
  /** The variable that names it: `HTTP_PROXY`. */
  readonly variable: string;
  readonly url: URL;
}

/** The proxy that `fetch` uses for `url`; undefined if it calls the host itself. */
export function proxyFor(url: string, env: Readonly<Env> = process.env): Proxy | undefined {
  const { protocol, hostname, host } = new URL(url);
  const variable = protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const named = env[variable.toLowerCase()] || env[variable];
  if (!named || !URL.canParse(named)) return undefined;
  const isExcepted = exceptionsOf(env).some((entry) => {
    const name = entry.replace(/^\*?\./, '');
    return name === '*' || name === hostname || name === host || hostname.endsWith(`.${name}`);
  });
  return isExcepted ? undefined : { variable, url: new URL(named) };
}
