import { isIP, isIPv6 } from 'node:net';

import { type Dialect } from '@cortex/protocol';

import { ConfigError } from '../config/config-error.ts';

import { type BrowserRules, NO_FOREIGN_PAGES } from './browser-guard.ts';
import { IDLE_LIMIT_S } from './client-connection.ts';
import { type Logger } from '../log.ts';
import { errorResponse } from './error-response.ts';
import { frontDoor } from './front-door.ts';
import { createRequestId } from './request-id.ts';

/** Body limit of Bun itself: far above ours, because its refusal has no error envelope. */
const NO_LIMIT_BYTES = Number.MAX_SAFE_INTEGER;

const MAX_PORT = 65_535;

export interface ListenAddress {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
}

/** A running HTTP listener. */
export interface Listener {
  /** `http://127.0.0.1:31313`, with the actual port. */
  readonly url: string;
  readonly hostname: string;
  readonly port: number;
  readonly server: Bun.Server<undefined>;
  /** Stops accepting connections; `'now'` also closes those in use, `'drain'` lets them finish. */
  stop(how: 'drain' | 'now'): Promise<void>;
}

export interface ListenOptions {
  /** `host:port`. */
  readonly listen: string;
  /** The configuration key that sets the address; named in errors. */
  readonly key: string;
  /** Prefix of the environment variable that sets `key`, such as `CORTEX_`; named in errors. */
  readonly envPrefix?: 'CORTEX_' | 'NEURON_';
  /** Routes a request; its path is `routePath(request)`. */
  readonly fetch: (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;
  /** Which web pages may call this listener; absent: only its own. */
  readonly browsers?: BrowserRules | undefined;
  /** The dialect of a client in refusals; absent: that of OpenAI. */
  readonly dialectOf?: ((headers: Headers) => Dialect) | undefined;
  /** Seconds without a byte in either direction; `IDLE_LIMIT_S` when absent. See `ClientConnection`. */
  readonly idleLimitS?: number | undefined;
  readonly maxRequestBodyBytes?: number;
  /** Logs errors of `fetch` with the request id that the client gets with `internal_error`. */
  readonly log?: Pick<Logger, 'error'> | undefined;
}

/** What to write instead of the invalid address `text`. */
function suggestListen(text: string): string {
  const [port] = /\d{1,5}$/.exec(text) ?? [];
  if (port === undefined || Number(port) > MAX_PORT)
    return 'write host:port, such as 127.0.0.1:31313 or [::1]:31313';
  if (/^(?:\*|0)?:?\d+$/.test(text))
    return `write "127.0.0.1:${port}" for this machine only, "0.0.0.0:${port}" for every address`;
  const host = text.slice(0, -port.length).replace(/:$/, '');
  if (isIPv6(host)) return `write "[${host}]:${port}"`;
  return 'write host:port, such as 127.0.0.1:31313 or [::1]:31313';
}

/**
 * Reads `127.0.0.1:31313`, `[::1]:0` or `localhost:80`.
 *
 * @param origins - Origins of the configuration that contains `key`: the error then begins with file and line.
 * @throws ConfigError naming `key` and what to write
 */
export function parseListen(
  text: string,
  key: string,
  origins?: ReadonlyMap<string, string>,
): ListenAddress {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const hostname = bracketed ?? plain;
  const port = Number(portText);
  const isAddress = bracketed === undefined || isIPv6(bracketed);
  if (hostname === undefined || !isAddress || hostname === '*' || port > MAX_PORT) {
    const origin = origins?.get(key);
    const place = origin === undefined || origin === 'default' ? '' : `${origin}: `;
    throw new ConfigError(`${place}${key} = "${text}" is not an address: ${suggestListen(text)}`, {
      key,
    });
  }
  return { hostname, port };
}

/** `gateway.listen` → `set gateway.listen (or CORTEX_GATEWAY__LISTEN)`. */
function settingHint({ key, envPrefix }: ListenOptions): string {
  if (envPrefix === undefined) return `set ${key}`;
  return `set ${key} (or ${envPrefix}${key.toUpperCase().replaceAll('.', '__')})`;
}

/** Whether the host is a name that cannot be bound at any port. Bun reports such a name as in use. */
function isUnknownName({ listen: text, key }: ListenOptions): boolean {
  const { hostname } = parseListen(text, key);
  if (isIP(hostname) !== 0) return false;
  try {
    void Bun.serve({ hostname, port: 0, fetch: () => new Response() }).stop(true);
    return false;
  } catch {
    return true;
  }
}

function listenError(error: unknown, options: ListenOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const { key } = options;
  const at = options.listen;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${at} is in use by another program: ${settingHint(options)} to another port`,
    EACCES: `this user may not listen on ${at}: ${settingHint(options)} to a port from 1024 on`,
    EADDRNOTAVAIL: `${at} is not an address of this machine: ${settingHint(options)}`,
  };
  const reason = isUnknownName(options)
    ? `the host of ${at} does not resolve to an address of this machine: ${settingHint(options)} to one`
    : reasons[String(code)];
  return reason === undefined ? error : new ConfigError(`${key}: ${reason}`, { key }, error);
}

/** Binds and serves. @throws ConfigError naming `key` if the address cannot be bound */
export function listen(options: ListenOptions): Listener {
  const address = parseListen(options.listen, options.key);
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({
      hostname: address.hostname,
      port: address.port,
      idleTimeout: options.idleLimitS ?? IDLE_LIMIT_S,
      maxRequestBodySize: options.maxRequestBodyBytes ?? NO_LIMIT_BYTES,
      // In development mode an error in a handler is answered with its stack. It also enables `reusePort`, which
      // would share a port that is in use instead of failing.
      development: false,
      reusePort: false,
      fetch: frontDoor({
        browsers: options.browsers ?? NO_FOREIGN_PAGES,
        dialectOf: options.dialectOf,
        serve: options.fetch,
      }),
      error: (error) => {
        const { log } = options;
        return errorResponse(error, { dialect: 'openai', requestId: createRequestId(), log });
      },
    });
  } catch (error) {
    throw listenError(error, options);
  }
  const port = server.port ?? address.port;
  const host = isIPv6(address.hostname) ? `[${address.hostname}]` : address.hostname;
  return {
    url: `http://${host}:${port}`,
    hostname: address.hostname,
    port,
    server,
    stop: (how) => server.stop(how === 'now'),
  };
}
