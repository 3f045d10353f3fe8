import { isIP, isIPv6 } from 'node:net';

import { type DialectName } from '@cortex/protocol';

import { type ConfigOrigins, keyError } from '../config/config-origin.ts';

import { type BrowserRules, NO_FOREIGN_PAGES } from './browser-guard.ts';
import { IDLE_LIMIT_S } from './client-connection.ts';
import { type Logger } from '../log.ts';
import { errorResponse } from './error-response.ts';
import { FrontDoor } from './front-door.ts';
import { parseListen } from './listen-address.ts';
import { createRequestId } from './request-id.ts';
import { type TlsIdentity } from './tls-identity.ts';

/** Body limit of Bun itself: far above ours, because its refusal has no error envelope. */
const NO_LIMIT_BYTES = Number.MAX_SAFE_INTEGER;

/** A certificate and its key; undefined: plain HTTP. */
type Tls = Pick<TlsIdentity, 'cert' | 'key'> | undefined;

/** A running HTTP listener. */
export interface Listener {
  /** `http://127.0.0.1:31313`, with the actual port; `https:` with TLS. */
  readonly url: string;
  readonly hostname: string;
  readonly port: number;
  /** Other rules for web pages from now on. */
  setBrowsers(browsers: BrowserRules): void;
  /**
   * Another certificate from now on. The port is bound again: requests that run go on, and connections without one are
   * closed. No effect if it is the same, or after `stop`.
   *
   * @returns whether the port was bound again
   * @throws Error if it cannot be: with the earlier certificate the port is bound again, if anything can bind it
   */
  setTls(tls: Tls): boolean;
  /** Stops accepting connections; `'now'` also closes those in use, `'drain'` lets them finish. */
  stop(how: 'drain' | 'now'): Promise<void>;
}

export interface ListenOptions {
  /** `host:port`. */
  readonly listen: string;
  /** The configuration key that sets the address; named in errors. */
  readonly key: string;
  /** Where the values of the configuration come from; absent: errors name only `key`. */
  readonly origins?: ConfigOrigins | undefined;
  /** Prefix of the environment variable that sets `key`, such as `CORTEX_`; named in errors. */
  readonly envPrefix?: 'CORTEX_' | 'NEURON_';
  /** Routes a request; its path is `routePath(request)`. */
  readonly fetch: (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;
  /** Which web pages may call this listener; absent: only its own. */
  readonly browsers?: BrowserRules | undefined;
  /** The dialect of a client in refusals; absent: that of OpenAI. */
  readonly dialectOf?: ((headers: Headers) => DialectName) | undefined;
  /** The certificate and its key; absent: plain HTTP. */
  readonly tls?: Tls;
  /** Seconds without a byte in either direction; `IDLE_LIMIT_S` when absent. See `ClientConnection`. */
  readonly idleLimitS?: number | undefined;
  readonly maxRequestBodyBytes?: number;
  /** Logs errors of `fetch` with the request id that the client gets with `internal_error`. */
  readonly log?: Pick<Logger, 'error'> | undefined;
}

/** `gateway.listen` → `set gateway.listen (or CORTEX_GATEWAY__LISTEN)`. */
function settingHint({ key, envPrefix }: ListenOptions): string {
  if (envPrefix === undefined) return `set ${key}`;
  return `set ${key} (or ${envPrefix}${key.toUpperCase().replaceAll('.', '__')})`;
}

/** Whether the host is a name that cannot be bound at any port. Bun reports such a name as in use. */
function isUnknownName({ listen: text }: ListenOptions): boolean {
  const { hostname } = parseListen(text);
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
  const { key, origins = new Map() } = options;
  const at = options.listen;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${at} is in use by another program: ${settingHint(options)} to another port`,
    EACCES: `this user may not listen on ${at}: ${settingHint(options)} to a port from 1024 on`,
    EADDRNOTAVAIL: `${at} is not an address of this machine: ${settingHint(options)}`,
  };
  const reason = isUnknownName(options)
    ? `the host of ${at} does not resolve to an address of this machine: ${settingHint(options)} to one`
    : reasons[String(code)];
  return reason === undefined ? error : keyError(origins, key, { message: reason, cause: error });
}

function bind(
  options: ListenOptions,
  { hostname, port, tls, door }: { hostname: string; port: number; tls: Tls; door: FrontDoor },
): Bun.Server<undefined> {
  return Bun.serve({
    hostname,
    port,
    idleTimeout: options.idleLimitS ?? IDLE_LIMIT_S,
    maxRequestBodySize: options.maxRequestBodyBytes ?? NO_LIMIT_BYTES,
    // In development mode an error in a handler is answered with its stack. It also enables `reusePort`, which
    // would share a port that is in use instead of failing.
    development: false,
    reusePort: false,
    ...(tls && { tls: { cert: tls.cert, key: tls.key } }),
    fetch: door.serve,
    error: (error) => {
      const { log } = options;
      return errorResponse(error, { dialect: 'openai', requestId: createRequestId(), log });
    },
  });
}

/** Binds and serves. @throws ConfigError naming `key` if the address cannot be bound */
export function listen(options: ListenOptions): Listener {
  const address = parseListen(options.listen);
  const { hostname } = address;
  const door = new FrontDoor(
    { dialectOf: options.dialectOf, serve: options.fetch },
    options.browsers ?? NO_FOREIGN_PAGES,
  );
  let { tls } = options;
  let server: Bun.Server<undefined>;
  try {
    server = bind(options, { hostname, port: address.port, tls, door });
  } catch (error) {
    throw listenError(error, options);
  }
  const port = server.port ?? address.port;
  const host = isIPv6(hostname) ? `[${hostname}]` : hostname;
  /** Those of earlier certificates, which serve their last requests. */
  const former = new Set<Bun.Server<undefined>>();
  let isStopped = false;
  return {
    get url() {
      return `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
    },
    hostname,
    port,
    setBrowsers: (browsers) => door.setBrowsers(browsers),
    setTls: (next) => {
      if (isStopped || (next?.cert === tls?.cert && next?.key === tls?.key)) return false;
      const replaced = server;
      former.add(replaced);
      void replaced.stop(false).finally(() => former.delete(replaced));
      try {
        server = bind(options, { hostname, port, tls: next, door });
      } catch (error) {
        try {
          server = bind(options, { hostname, port, tls, door });
        } catch (cause) {
          throw new Error(`nothing listens on ${host}:${port} any more`, { cause });
        }
        throw error;
      }
      tls = next;
      return true;
    },
    stop: async (how) => {
      isStopped = true;
      await Promise.all([server, ...former].map((each) => each.stop(how === 'now')));
    },
  };
}
