import { CortexError } from '@cortex/protocol';

import { isOwnName, isSameHost, originMatcher } from './origin-rules.ts';
import { routePath } from './request-target.ts';

/** Which web pages may call a listener (behaviour 51). */
export interface BrowserRules {
  /** `cors_origins`: exact origins, `scheme://*`, or `*`. */
  readonly corsOrigins: readonly string[];
  /** `allowed_hosts`: names under which browsers reach this listener, in addition to addresses and private names. */
  readonly allowedHosts: readonly string[];
  /** Routes that `corsOrigins` opens. Pages served by the listener itself may call every route. */
  readonly isOpen: (method: string, path: string) => boolean;
  /** Configuration keys named in refusals; absent if no route can be opened. */
  readonly keys?: { readonly corsOrigins: string; readonly allowedHosts: string } | undefined;
}

/** Rules of a listener that no page of another origin may call. */
export const NO_FOREIGN_PAGES: BrowserRules = {
  corsOrigins: [],
  allowedHosts: [],
  isOpen: () => false,
};

/** One day; browsers cap it at two hours. */
const MAX_AGE_S = 86_400;
/** Longest part of an Origin or Host that an error repeats. */
const SHOWN_CHARS = 200;

const shown = (text: string): string => JSON.stringify(text.slice(0, SHOWN_CHARS));

/** The parts of a browser's request that the guard checks. */
interface Visit {
  readonly origin: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
}

/** The decision on a request with an `Origin`. */
export type Admission =
  /** `mark` adds the CORS headers to the answer of the route. */
  | { readonly kind: 'served'; readonly mark: (response: Response) => Response }
  /** A preflight. */
  | { readonly kind: 'answered'; readonly response: Response }
  /** `forbidden`, or `unsupported_media_type` for a POST that a page can send without a preflight. */
  | { readonly kind: 'refused'; readonly error: CortexError };

/** Access of a web page: `own` may call every route, `listed` the open routes, `refused` none. */
type Standing = 'own' | 'listed' | 'refused';

/** Decides on requests with an `Origin`, by the same rules on every listener. Requests without one do not pass it. */
export class BrowserGuard {
  readonly #rules: BrowserRules;
  readonly #isListed: (origin: string) => boolean;
  readonly #allowedHosts: ReadonlySet<string>;

  constructor(rules: BrowserRules) {
    this.#rules = rules;
    this.#isListed = originMatcher(rules.corsOrigins);
    this.#allowedHosts = new Set(rules.allowedHosts);
  }

  /** Decides on a request of a page of `origin`. */
  admit(request: Request, origin: string): Admission {
    const { headers, method } = request;
    const path = routePath(request);
    const host = headers.get('host') ?? '';
    const wantedMethod = headers.get('access-control-request-method');
    const isPreflight = method === 'OPTIONS' && wantedMethod !== null;
    const visit = { origin, host, method: isPreflight ? wantedMethod : method, path };
    const standing = this.#standing(visit);
    if (standing === 'refused') {
      return method === 'GET' && path === '/health'
        ? { kind: 'served', mark: (response) => response }
        : { kind: 'refused', error: this.#refusal(visit) };
    }
    if (isPreflight) return { kind: 'answered', response: preflightAnswer(headers, origin) };
    if (method === 'POST' && !isJson(headers)) return { kind: 'refused', error: notJson() };
    return { kind: 'served', mark: (response) => markReadable(response, origin) };
  }

  #standing({ origin, host, method, path }: Visit): Standing {
    if (isSameHost(origin, host) && isOwnName(host, this.#allowedHosts)) return 'own';
    return this.#isListed(origin) && this.#rules.isOpen(method, path) ? 'listed' : 'refused';
  }

  #refusal({ origin, host, path }: Visit): CortexError {
    const { keys } = this.#rules;
    if (this.#isListed(origin))
      return new CortexError('forbidden', `Pages of other origins may not call ${shown(path)}.`);
    const isByName = isSameHost(origin, host);
    const hint =
      keys === undefined
        ? ''
        : isByName
          ? ` If this server has that name, add it to ${keys.allowedHosts}.`
          : ` To allow it, add it to ${keys.corsOrigins}.`;
    return new CortexError(
      'forbidden',
      isByName
        ? `A page called this server by the name ${shown(host)}, which is not one of its own names.${hint}`
        : `Pages of ${shown(origin)} may not call this server.${hint}`,
    );
  }
}

/** A page can send a form or plain text to another site without a preflight, but not JSON. */
const isJson = (headers: Headers): boolean =>
  headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === 'application/json';

const notJson = (): CortexError =>
  new CortexError('unsupported_media_type', 'Web pages must send Content-Type: application/json.');

/** Lets the calling page read the answer. */
function markReadable(response: Response, origin: string): Response {
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set(
    'access-control-expose-headers',
    'x-request-id, retry-after, x-cortex-node, x-cortex-model, x-cortex-cold-start, x-cortex-explain',
  );
  response.headers.append('vary', 'origin');
  return response;
}

function preflightAnswer(headers: Headers, origin: string): Response {
  const answer = new Headers({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
    'access-control-allow-headers':
      headers.get('access-control-request-headers') ?? 'authorization, content-type',
    'access-control-max-age': String(MAX_AGE_S),
    vary: 'origin, access-control-request-headers',
  });
  // Browsers ask for this as well when a public page calls an address of the local network.
  if (headers.get('access-control-request-private-network') === 'true')
    answer.set('access-control-allow-private-network', 'true');
  return new Response(null, { status: 204, headers: answer });
}
