/** GET with redirects that are checked one by one. */
import { isIP } from 'node:net';

import { CortexError } from '@cortex/protocol';

import type { HostRules } from './host-rules.ts';

const MAX_REDIRECTS = 10;
/** Longest wait for the head of an answer. */
const HEAD_TIMEOUT_MS = 30_000;
/** A server that asks for a longer pause is taken as unavailable. */
const MAX_RETRY_AFTER_S = 300;

/** The status and the headers of an answer that is not a success. */
export interface Refusal {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
}

export interface WebGet {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** `Authorization` for the origin of `url`; redirects to other origins do not get it. */
  readonly authorization?: string | undefined;
  readonly signal: AbortSignal;
  /** The error for a permanent refusal in words of the caller; undefined: the usual one. */
  readonly explain?: ((refusal: Refusal) => CortexError | undefined) | undefined;
}

export interface WebClientOptions {
  readonly hosts: HostRules;
  /** PEM certificates that are trusted besides those of the system. */
  readonly ca?: string | undefined;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** The server may answer the same request later. */
const isTemporary = (status: number): boolean =>
  status >= 500 || status === 408 || status === 425 || status === 429;

function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(MAX_RETRY_AFTER_S, Math.max(0, seconds)) : undefined;
}

/** An error after which the same request may succeed. */
export const temporary = (message: string, cause?: unknown, retryAfterS?: number): CortexError =>
  new CortexError('model_load_failed', message, {
    transient: true,
    param: 'source',
    retryAfterS,
    cause,
  });

function refusalError({ url, status, headers }: Refusal): CortexError {
  const place = `${url.origin}${url.pathname}`;
  if (isTemporary(status))
    return temporary(`${place} answered ${status}.`, undefined, retryAfterOf(headers));
  return new CortexError('model_load_failed', `${place} answered ${status}.`, { param: 'source' });
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

export class WebClient {
  readonly #options: WebClientOptions;

  constructor(options: WebClientOptions) {
    this.#options = options;
  }

  /**
   * The successful answer at the end of the redirects. The caller reads or cancels its body.
   *
   * @throws CortexError `model_load_failed`: transient if the same request may succeed later; the reason of
   * `signal` if that aborts
   */
  async get(request: WebGet): Promise<Response> {
    const { explain, signal } = request;
    const first = new URL(request.url);
    let url = first;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const isFirstOrigin = url.origin === first.origin;
      const response = await this.#send(url, request, isFirstOrigin);
      const target = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
      if (target === null) {
        if (response.ok) return response;
        const { status, headers } = response;
        await response.body?.cancel();
        signal.throwIfAborted();
        const refusal = { url, status, headers };
        throw (isTemporary(status) ? undefined : explain?.(refusal)) ?? refusalError(refusal);
      }
      await response.body?.cancel();
      if (!URL.canParse(target, url.href)) {
        throw temporary(`${url.origin} redirects to "${target}", which is not a URL.`);
      }
      url = new URL(target, url.href);
    }
    throw temporary(`${first.origin}${first.pathname} redirects more than ${MAX_REDIRECTS} times.`);
  }

  async #send(url: URL, request: WebGet, isFirstOrigin: boolean): Promise<Response> {
    const { hosts, ca } = this.#options;
    const { method = 'GET', headers, authorization, signal } = request;
    const address = await hosts.addressFor(url);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), HEAD_TIMEOUT_MS);
    try {
      return await fetch(withAddress(url, address), {
        method,
        redirect: 'manual',
        headers: {
          // A compressed body has other offsets than the file.
          'accept-encoding': 'identity',
          ...headers,
          host: url.host,
          ...(isFirstOrigin && authorization !== undefined && { authorization }),
        },
        signal: AbortSignal.any([signal, late.signal]),
        // A download sets its own limit for the time without data.
        timeout: false,
        tls: { ca, ...(address !== undefined && { serverName: url.hostname }) },
        // A connection is known by its address, and another name may have the same one.
        ...(address !== undefined && { keepalive: false }),
      });
    } catch (error) {
      signal.throwIfAborted();
      const why = late.signal.aborted
        ? `did not answer within ${HEAD_TIMEOUT_MS / 1000} s`
        : `cannot be reached (${reasonOf(error)})`;
      throw temporary(`${url.origin} ${why}.`, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The URL with an address in place of its name. */
function withAddress(url: URL, address: string | undefined): string {
  if (address === undefined) return url.href;
  const direct = new URL(url.href);
  direct.hostname = isIP(address) === 6 ? `[${address}]` : address;
  return direct.href;
}
