import { listAdminModels, listAdminNodes } from '@cortex/fleet';
import {
  AdminAddCall,
  AdminFreeCall,
  AdminModelCall,
  AdminPinCall,
  AdminPullCall,
  AdminRemoveCall,
  CortexError,
  DrainRequest,
  readShape,
} from '@cortex/protocol';
import {
  ClientConnection,
  errorResponse,
  type Logger,
  readBody,
  requestIdOf,
} from '@cortex/service';
import type { Context, Hono } from 'hono';
import type { z } from 'zod';

import { type Environment } from '../api/environment.ts';
import { type Control } from '../control/control.ts';
import { WORDS } from '../control/words.ts';
import { type CatalogueEdits } from './catalogue-edits.ts';

/** Management bodies name a model and a node. */
const MAX_BODY_BYTES = 1 << 20;

interface AdminDeps {
  readonly control: Control;
  readonly edits: CatalogueEdits;
  /** @throws CortexError when the caller is refused */
  readonly checkAccess: (request: Request, peer: string) => void;
  readonly log: Logger;
  /** Idle limit of client connections, in seconds; undefined: `IDLE_LIMIT_S`. */
  readonly idleLimitS?: number | undefined;
}

/** The body of a management call. The idle limit is lifted then, because an unload waits for running requests. */
async function readCall<T>(
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
}

/** A handler of the admin API: it checks access before `handle` runs, and answers errors in the envelope. */
export function guarded(
  { checkAccess, log, idleLimitS }: Pick<AdminDeps, 'checkAccess' | 'log' | 'idleLimitS'>,
  handle: (request: Request, connection: ClientConnection, facts: CallFacts) => unknown,
) {
  return async (context: Context<Environment>): Promise<Response> => {
    const request = context.req.raw;
    const { server } = context.env;
    const requestId = requestIdOf(request.headers);
    const connection = new ClientConnection(server, request, idleLimitS);
    try {
      const peer = server.requestIP(request)?.address ?? '';
      checkAccess(request, peer);
      const node = context.req.param('node') ?? '';
      const result = await handle(request, connection, { node, peer });
      return Response.json(result, { headers: { 'x-request-id': requestId } });
    } catch (error) {
      return errorResponse(error, { dialect: 'openai', requestId, log });
    } finally {
      connection.restoreIdleLimit();
    }
  };
}

/** `/admin/v1` (contracts, section 1): the views and calls of operators. */
export function addAdminRoutes(app: Hono<Environment>, deps: AdminDeps): void {
  const { control, edits } = deps;
  const get = (path: string, handle: () => unknown): void => {
    app.get(path, guarded(deps, handle));
  };
  const view = { activity: control, words: WORDS };
  get('/admin/v1/nodes', () => ({ nodes: listAdminNodes(control.snapshot(), view) }));
  get('/admin/v1/models', () => ({ models: listAdminModels(control.snapshot(), view) }));
  app.get(
    '/admin/v1/explain',
    guarded(deps, (request) => {
      const query = new URL(request.url).searchParams;
      const requestId = query.get('request');
      return control.explain(
        requestId === null ? { model: required(query, 'model') } : { requestId },
      );
    }),
  );
  app.post(
    '/admin/v1/models/load',
    guarded(deps, async (request, connection) => {
      const { model, node } = await readCall(request, connection, AdminModelCall);
      const result = await control.loadModel({ model, node }, request.signal);
      return { model, ...result };
    }),
  );
  app.post(
    '/admin/v1/models/unload',
    guarded(deps, async (request, connection) => {
      const { model, node, force } = await readCall(request, connection, AdminModelCall);
      const results = await control.unloadModel(
        { model, node, force: force ?? false },
        request.signal,
      );
      return { results: results.map((result) => ({ model, ...result })) };
    }),
  );
  app.post(
    '/admin/v1/models/pull',
    guarded(deps, async (request, connection) =>
      control.pullModel(await readCall(request, connection, AdminPullCall), request.signal),
    ),
  );
  app.get(
    '/admin/v1/models/pull',
    guarded(deps, (request) => {
      const query = new URL(request.url).searchParams;
      return control.pullReport(
        { model: required(query, 'model'), node: required(query, 'node') },
        request.signal,
      );
    }),
  );
  app.post(
    '/admin/v1/models/add',
    guarded(deps, async (request, connection) =>
      edits.add(await readCall(request, connection, AdminAddCall), request.signal),
    ),
  );
  app.post(
    '/admin/v1/models/remove',
    guarded(deps, async (request, connection) =>
      edits.remove(await readCall(request, connection, AdminRemoveCall), request.signal),
    ),
  );
  app.post(
    '/admin/v1/models/pin',
    guarded(deps, async (request, connection) => {
      const { model, node, pinned } = await readCall(request, connection, AdminPinCall);
      const results = await control.pinModel({ model, node, pinned }, request.signal);
      return { results: results.map((result) => ({ model, ...result })) };
    }),
  );
  app.post(
    '/admin/v1/nodes/:node/drain',
    guarded(deps, async (request, connection, { node }) => {
      const { draining, for_s: forS } = await readCall(request, connection, DrainRequest);
      return control.drainNode({ node, draining, forS }, request.signal);
    }),
  );
  app.post(
    '/admin/v1/nodes/:node/free',
    guarded(deps, async (request, connection, { node }) => {
      const { for_s: forS } = await readCall(request, connection, AdminFreeCall);
      return control.freeNode({ node, forS }, request.signal);
    }),
  );
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value !== null && value !== '') return value;
  throw new CortexError('invalid_request', `The query needs ${name}=….`, { param: name });
}
