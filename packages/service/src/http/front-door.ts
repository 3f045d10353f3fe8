import { CortexError, type DialectName } from '@cortex/protocol';

import { BrowserGuard, type BrowserRules } from './browser-guard.ts';
import { errorResponse } from './error-response.ts';
import { requestIdOf } from './request-id.ts';
import { isValidHost } from './request-target.ts';

type Serve = (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;

interface FrontDoorOptions {
  readonly browsers: BrowserRules;
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
export function frontDoor({ browsers, dialectOf, serve }: FrontDoorOptions): Serve {
  const guard = new BrowserGuard(browsers);

  function refuse(error: CortexError, { headers }: Request): Response {
    return errorResponse(error, {
      dialect: dialectOf?.(headers) ?? 'openai',
      requestId: requestIdOf(headers),
    });
  }

  return (request, server) => {
    const { headers } = request;
    const host = headers.get('host');
    if (host !== null && host !== '' && !isValidHost(host)) return refuse(invalidHost(), request);
    // The route must see a GET: for HEAD it would not build the body, and Bun would omit its length.
    if (request.method === 'HEAD') Object.defineProperty(request, 'method', { value: 'GET' });
    const origin = headers.get('origin');
    if (origin === null) return serve(request, server);
    const admission = guard.admit(request, origin);
    if (admission.kind === 'refused') return refuse(admission.error, request);
    if (admission.kind === 'answered') return admission.response;
    const answer = serve(request, server);
    return answer instanceof Promise ? answer.then(admission.mark) : admission.mark(answer);
  };
}
