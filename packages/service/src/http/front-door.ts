import { CortexError, type DialectName } from '@cortex/protocol';

import { BrowserGuard, type BrowserRules } from './browser-guard.ts';
import { errorResponse } from './error-response.ts';
import { requestIdOf } from './request-id.ts';
import { isValidHost } from './request-target.ts';

type Serve = (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;

interface FrontDoorOptions {
  /** The dialect of a client; absent: that of OpenAI. */
  readonly dialectOf?: ((headers: Headers) => DialectName) | undefined;
  readonly serve: Serve;
}

const invalidHost = (): CortexError =>
  new CortexError('invalid_request', 'The Host header is not a valid host and port.');

/**
 * The checks before the route, on every listener: a valid Host (absent and empty are valid), the rules for web
 * pages, and HEAD as a GET without a body.
 */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  #guard: BrowserGuard;

  constructor(options: FrontDoorOptions, browsers: BrowserRules) {
    this.#options = options;
    this.#guard = new BrowserGuard(browsers);
  }

  /** The rules for requests from now on. */
  setBrowsers(browsers: BrowserRules): void {
    this.#guard = new BrowserGuard(browsers);
  }

  readonly serve: Serve = (request, server) => {
    const { serve } = this.#options;
    const { headers } = request;
    const host = headers.get('host');
    if (host !== null && host !== '' && !isValidHost(host))
      return this.#refuse(invalidHost(), request);
    // The route must see a GET: for HEAD it would not build the body, and Bun would omit its length.
    if (request.method === 'HEAD') Object.defineProperty(request, 'method', { value: 'GET' });
    const origin = headers.get('origin');
    if (origin === null) return serve(request, server);
    const admission = this.#guard.admit(request, origin);
    if (admission.kind === 'refused') return this.#refuse(admission.error, request);
    if (admission.kind === 'answered') return admission.response;
    const answer = serve(request, server);
    return answer instanceof Promise ? answer.then(admission.mark) : admission.mark(answer);
  };

  #refuse(error: CortexError, { headers }: Request): Response {
    return errorResponse(error, {
      dialect: this.#options.dialectOf?.(headers) ?? 'openai',
      requestId: requestIdOf(headers),
    });
  }
}
