import { requestIdOf } from '@cortex/service';

import { dialectOf } from './dialect.ts';

/** Why no handler accepts a request. */
export interface RouteRefusal {
  readonly status: 404 | 405;
  readonly message: string;
  /** The methods that the path supports, for `Allow`. */
  readonly allow?: string;
}

/** The answer to an unknown path or method, in the envelope of the client's dialect. */
export function refuseRoute(request: Request, { status, message, allow }: RouteRefusal): Response {
  const requestId = requestIdOf(request.headers);
  const body =
    dialectOf(request.headers) === 'openai'
      ? { error: { message, type: 'invalid_request_error', code: 'invalid_request', param: null } }
      : {
          type: 'error',
          error: { type: status === 404 ? 'not_found_error' : 'invalid_request_error', message },
          request_id: requestId,
        };
  return Response.json(body, {
    status,
    headers: {
      'x-request-id': requestId,
      'x-should-retry': 'false',
      ...(allow !== undefined && { allow }),
    },
  });
}
