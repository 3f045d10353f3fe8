import { type DialectName } from '@cortex/protocol';
import { requestIdOf } from '@cortex/service';

import { dialectOfPath } from './dialect.ts';
import { requestIdHeaders } from './request-id-headers.ts';

/** Why no handler accepts a request. */
export interface RouteRefusal {
  /** That decides the route. */
  readonly path: string;
  readonly status: 404 | 405;
  readonly message: string;
  /** The methods that the path supports, for `Allow`. */
  readonly allow?: string;
}

function bodyOf(
  dialect: DialectName,
  { status, message, requestId }: Pick<RouteRefusal, 'status' | 'message'> & { requestId: string },
): object {
  const code = 'invalid_request';
  switch (dialect) {
    case 'anthropic': {
      const type = status === 404 ? 'not_found_error' : 'invalid_request_error';
      return { type: 'error', error: { type, message }, request_id: requestId };
    }
    case 'ollama':
      return { error: message, code };
    case 'openai':
    case 'responses':
      return { error: { message, type: 'invalid_request_error', code, param: null } };
  }
}

/** The answer to an unknown path or method, in the envelope of the dialect. */
export function refuseRoute({ headers }: Request, refusal: RouteRefusal): Response {
  const requestId = requestIdOf(headers);
  const { path, status, message, allow } = refusal;
  const dialect = dialectOfPath(path, headers);
  return Response.json(bodyOf(dialect, { status, message, requestId }), {
    status,
    headers: {
      ...requestIdHeaders(dialect, requestId),
      'x-should-retry': 'false',
      ...(allow !== undefined && { allow }),
    },
  });
}
