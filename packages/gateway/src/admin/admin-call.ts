import { CortexError, readShape } from '@cortex/protocol';
import {
  ClientConnection,
  errorResponse,
  type Logger,
  readBody,
  requestIdOf,
} from '@cortex/service';
import type { Context } from 'hono';
import type { z } from 'zod';

import { type Environment } from '../api/environment.ts';

/** Management bodies name a model and a node. */
const MAX_BODY_BYTES = 1 << 20;

export interface AdminCallDeps {
  /** @throws CortexError when the caller is refused */
  readonly checkAccess: (request: Request, peer: string) => void;
  readonly log: Logger;
  /** Idle limit of client connections, in seconds; undefined: `IDLE_LIMIT_S`. */
  readonly idleLimitS?: number | undefined;
}

/** The body of a management call. The idle limit is lifted then, because an unload waits for running requests. */
export async function readCall<T>(
  request: Request,
  connection: ClientConnection,
  schema: z.ZodType<T>,
): Promise<T> {
  const bytes = await readBody(request, { maxBytes: MAX_BODY_BYTES, signal: request.signal });
  connection.liftIdleLimit();
  return parseCall(bytes, schema);
}

/** A body in its shape. @throws CortexError `malformed_json` or `invalid_request` */
export function parseCall<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new CortexError('malformed_json', 'The body is not valid JSON.', { cause: error });
  }
  return readShape(schema, body);
}

/** What a call says outside its body. */
interface CallFacts {
  /** The node that the path names; empty: none. */
  readonly node: string;
  /** The remote address of the connection. */
  readonly peer: string;
  readonly requestId: string;
}

/**
 * A handler of the admin API: it checks access before `handle` runs, and answers errors in the envelope.
 *
 * @param handle - Its result is sent as JSON. A `Response` is sent as it is, and cares for the idle limit itself.
 */
export function guarded(
  { checkAccess, log, idleLimitS }: AdminCallDeps,
  handle: (request: Request, connection: ClientConnection, facts: CallFacts) => unknown,
) {
  return async (context: Context<Environment>): Promise<Response> => {
    const request = context.req.raw;
    const { server } = context.env;
    const requestId = requestIdOf(request.headers);
    const connection = new ClientConnection(server, request, idleLimitS);
    let result: unknown;
    try {
      const peer = server.requestIP(request)?.address ?? '';
      checkAccess(request, peer);
      const node = context.req.param('node') ?? '';
      result = await handle(request, connection, { node, peer, requestId });
      if (result instanceof Response) return result;
      return Response.json(result, { headers: { 'x-request-id': requestId } });
    } catch (error) {
      return errorResponse(error, { dialect: 'openai', requestId, log });
    } finally {
      if (!(result instanceof Response)) connection.restoreIdleLimit();
    }
  };
}

/** A parameter that the query must have. @throws CortexError `invalid_request` */
export function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value !== null && value !== '') return value;
  throw new CortexError('invalid_request', `The query needs ${name}=….`, { param: name });
}
