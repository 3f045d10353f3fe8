import { connect } from 'node:net';

import { CliError } from '../cli-error.ts';
import { COMMAND } from '../command-name.ts';
import { isLoopbackUrl, type Proxy, proxyFor } from './proxy-for.ts';

/** How long the second attempt to connect may take, which only finds the reason. */
const PROBE_MS = 3000;

const START = `start one with "${COMMAND} up", or set --url or CORTEX_URL`;
const CHECK = 'check --url or CORTEX_URL';

interface Explanation {
  readonly reason: string;
  /** What to do. */
  readonly advice: string;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

const REFUSED = 'the connection was refused';
const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', REFUSED],
  ['ECONNRESET', 'the connection was reset'],
  ['EHOSTUNREACH', 'there is no route to the host'],
  ['ENETUNREACH', 'the network is unreachable'],
  ['ETIMEDOUT', 'the host does not answer'],
  ['ENOTFOUND', 'the host name cannot be resolved'],
  ['EAI_AGAIN', 'the host name cannot be resolved, because no name server answers'],
]);

const portOf = ({ port, protocol }: URL): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);

/** Why no connection to the host of `url` can be made; undefined if one can. `fetch` itself does not tell. */
function connectReason(url: URL): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: portOf(url) });
  const timer = setTimeout(() => resolve(REASONS.get('ETIMEDOUT')), PROBE_MS);
  socket.once('connect', () => resolve(undefined));
  socket.once('error', (error) => resolve(REASONS.get(codeOf(error)) ?? error.message));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

/** The proxy without its password. */
const shown = ({ variable, url }: Proxy): string => `${variable} (${url.protocol}//${url.host})`;

async function explainProxy(proxy: Proxy, host: string): Promise<Explanation> {
  const reason = await connectReason(proxy.url);
  return {
    reason: `the call goes through the proxy of ${shown(proxy)}, ${reason === undefined ? 'which gave no answer' : `and ${reason}`}`,
    advice: `add ${host} to NO_PROXY, or correct ${proxy.variable}`,
  };
}

/** Codes of OpenSSL's certificate checks, such as `DEPTH_ZERO_SELF_SIGNED_CERT`. */
const isCertificateError = (code: string): boolean =>
  /CERT|ISSUER|SIGNATURE|_CA$|HOSTNAME_MISMATCH/.test(code);

function explainTls(url: URL, cause: unknown): Explanation {
  const code = codeOf(cause);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return { reason: 'its certificate is for another host', advice: CHECK };
  if (isCertificateError(code)) {
    const message = cause instanceof Error ? cause.message : code;
    return {
      reason: `its certificate is not trusted (${message})`,
      advice:
        'set NODE_EXTRA_CA_CERTS to a file with this certificate, or with that of its authority',
    };
  }
  return {
    reason: 'the TLS handshake failed',
    advice: `if the gateway does not use TLS, write http://${url.host}`,
  };
}

async function explain(base: string, cause: unknown): Promise<Explanation> {
  const url = new URL(base);
  const proxy = proxyFor(base);
  if (proxy !== undefined) return explainProxy(proxy, url.hostname);
  const reason = await connectReason(url);
  if (reason === REFUSED) {
    return isLoopbackUrl(base)
      ? { reason, advice: START }
      : {
          // The runtime reports a host without a route like one that refuses.
          reason: 'the host refused the connection or cannot be reached',
          advice: `${CHECK}, and that gateway.listen of that gateway is not a loopback address`,
        };
  }
  if (reason !== undefined) return { reason, advice: CHECK };
  if (url.protocol === 'https:') return explainTls(url, cause);
  return {
    reason: 'the server there closed the connection or did not answer in HTTP',
    advice: `if it uses TLS, write https://${url.host}, otherwise ${CHECK}`,
  };
}

/** A call that got no answer. The message says where, why, and what to do. */
export class NoAnswer extends CliError {
  readonly reason: string;

  constructor(base: string, { reason, advice }: Explanation, cause: unknown) {
    super(`no gateway answers at ${base}: ${reason}; ${advice}`, { cause });
    this.reason = reason;
  }
}

/** The error for a call that got no answer. Connects once more to find the reason. */
export async function callFailure(base: string, cause: unknown): Promise<NoAnswer> {
  return new NoAnswer(base, await explain(base, cause), cause);
}
