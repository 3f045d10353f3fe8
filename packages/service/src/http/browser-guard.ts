import { CortexError } from '@cortex/protocol';

import { isOwnName, isSameHost, originMatcher } from './origin-rules.ts';
import { routePath } from './request-target.ts';

/** Which web pages may call a listener (behaviour 51). */
export interface BrowserRules {
  /** `cors_origins`: exact origins, `scheme://*`, or `*`. */
  readonly corsOrigins: readonly string[];
  /** `allowed_hosts`: names by which browsers reach this listener, beside addresses and private names. */
  readonly allowedHosts: readonly string[];
  /** What `corsOrigins` opens. Pages of the listener itself may call everything. */
  readonly isOpen: (method: string, path: string) => boolean;
  /** Configuration keys, named in refusals; absent where nothing can be opened. */
  readonly keys?: { readonly corsOrigins: string; readonly allowedHosts: string } | undefined;
}

/** A listener that no page of another origin may call. */
export const NO_FOREIGN_PAGES: BrowserRules = {
  corsOrigins: [],
  allowedHosts: [],
  isOpen: () => false,
};

/** A day: browsers ask again after two hours at the latest. */
const MAX_AGE_S = 86_400;
/** Longest part of an Origin or Host that an error repeats. */
const SHOWN_CHARS = 200;

const shown = (text: string): string => JSON.stringify(text.slice(0, SHOWN_CHARS));

/** A browser's request, as far as the guard looks at it. */
interface Visit {
  readonly origin: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
}

/** What becomes of a request with an `Origin`. */
export type Admission =
  /** `mark` completes the answer of the route. */
  | { readonly kind: 'served'; readonly mark: (response: Response) => Response }
  /** A preflight. */
  | { readonly kind: 'answered'; readonly response: Response }
  /** `forbidden`, or `unsupported_media_type` for a POST that a page can send without asking. */
  | { readonly kind: 'refused'; readonly error: CortexError };

/** What a web page may do: `own` pages everything, `listed` ones what is open, others nothing. */
type Standing = 'own' | 'listed' | 'refused';

/** Serves requests with an `Origin` by one rule, the same on every listener. Requests without one are not its business. */
export class BrowserGuard {
  readonly #rules: BrowserRules;
  readonly #isListed: (origin: string) => boolean;
  readonly #allowedHosts: ReadonlySet<string>;

  constructor(rules: BrowserRules) {
    this.#rules = rules;
    this.#isListed = originMatcher(rules.corsOrigins);
    this.#allowedHosts = new Set(rules.allowedHosts);
  }

  /** What becomes of a request of a page of `origin`. */
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
          ? ` If it is a name of this server, add it to ${keys.allowedHosts}.`
          : ` Add it to ${keys.corsOrigins} if it may.`;
    return new CortexError(
      'forbidden',
      isByName
        ? `A page called this server by the name ${shown(host)}, which may be a stranger's.${hint}`
        : `Pages of ${shown(origin)} may not call this server.${hint}`,
    );
  }
}

/** A page can send a form or plain text to another site without asking; JSON it cannot. */
const isJson = (headers: Headers): boolean =>
  headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === 'application/json';

const notJson = (): CortexError =>
  new CortexError(
    'unsupported_media_type',
    'A web page has to send Content-Type: application/json.',
  );

/** Lets the page that asked read the answer. */
function markReadable(response: Response, origin: string): Response {
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set(
    'access-control-expose-headers',
    'x-request-id, retry-after, x-cortex-node, x-cortex-model, x-cortex-cold-start',
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
  // A page of the internet that calls an address of the own network asks for this as well.
  if (headers.get('access-control-request-private-network') === 'true')
    answer.set('access-control-allow-private-network', 'true');
  return new Response(null, { status: 204, headers: answer });
}
