import { proxyExceptions } from '@cortex/protocol';

type Env = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether the host of `url` is a loopback name or address. */
export const isLoopbackUrl = (url: string): boolean => LOOPBACK.test(new URL(url).hostname);

/** A proxy of the environment. */
export interface Proxy {
  /** The variable that names it: `HTTP_PROXY`. */
  readonly variable: string;
  readonly url: URL;
}

/** The proxy that `fetch` uses for `url`; undefined if it calls the host itself. */
export function proxyFor(url: string, env: Env = process.env): Proxy | undefined {
  const { protocol, hostname, host } = new URL(url);
  const variable = protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const named = env[variable.toLowerCase()] || env[variable];
  if (!named || !URL.canParse(named)) return undefined;
  const isExcepted = proxyExceptions(env).some((entry) => {
    const name = entry.replace(/^\*?\./, '');
    return name === '*' || name === hostname || name === host || hostname.endsWith(`.${name}`);
  });
  return isExcepted ? undefined : { variable, url: new URL(named) };
}
