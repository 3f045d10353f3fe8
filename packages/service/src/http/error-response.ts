import { type DialectName, renderError, toCortexError } from '@cortex/protocol';

import { type Logger } from '../log.ts';

export interface ErrorResponseOptions {
  readonly dialect: DialectName;
  readonly requestId: string;
  /** Logs an unexpected error with the request id that the client gets; undefined: it has been logged already. */
  readonly log?: Pick<Logger, 'error'> | undefined;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Renders a thrown value in the dialect of the client; one that is not a `CortexError` becomes `internal_error`. */
export function errorResponse(thrown: unknown, options: ErrorResponseOptions): Response {
  const error = toCortexError(thrown);
  if (error.code === 'internal_error')
    options.log?.error(
      { err: error.cause ?? error, request_id: options.requestId },
      'request failed',
    );
  const rendered = renderError(error, options.dialect, options.requestId);
  return Response.json(rendered.body, {
    status: rendered.status,
    headers: { 'x-request-id': options.requestId, ...rendered.headers, ...options.headers },
  });
}
