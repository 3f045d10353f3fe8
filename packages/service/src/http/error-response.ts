import { type Dialect, renderError, toCortexError } from '@cortex/protocol';

export interface ErrorResponseOptions {
  readonly dialect: Dialect;
  readonly requestId: string;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Anything thrown as an answer of the client's dialect; what is no `CortexError` becomes `internal_error`. */
export function errorResponse(thrown: unknown, options: ErrorResponseOptions): Response {
  const rendered = renderError(toCortexError(thrown), options.dialect, options.requestId);
  return Response.json(rendered.body, {
    status: rendered.status,
    headers: { 'x-request-id': options.requestId, ...rendered.headers, ...options.headers },
  });
}
