import { listAdminModels, listAdminNodes } from '@cortex/fleet';
import { AdminModelCall, CortexError, readShape } from '@cortex/protocol';
import { errorResponse, type Logger, readBody, requestIdOf } from '@cortex/service';
import type { Context, Hono } from 'hono';

import { type Environment } from '../api/environment.ts';
import { type Control } from '../control/control.ts';

/** Management bodies name a model and a node. */
const MAX_BODY_BYTES = 1 << 20;

interface AdminDeps {
  readonly control: Control;
  /** @throws CortexError when the caller may not call */
  readonly checkAccess: (request: Request, peer: string) => void;
  readonly log: Logger;
}

async function readCall(request: Request): Promise<AdminModelCall> {
  const bytes = await readBody(request, { maxBytes: MAX_BODY_BYTES, signal: request.signal });
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new CortexError('malformed_json', 'The body is not valid JSON.', { cause: error });
  }
  return readShape(AdminModelCall, body);
}

/** An operator's handler: access first, any error in the envelope. */
function guarded(
  { checkAccess, log }: AdminDeps,
  handle: (context: Context<Environment>) => unknown,
) {
  return async (context: Context<Environment>): Promise<Response> => {
    const request = context.req.raw;
    const requestId = requestIdOf(request.headers);
    try {
      checkAccess(request, context.env.server.requestIP(request)?.address ?? '');
      return Response.json(await handle(context), { headers: { 'x-request-id': requestId } });
    } catch (error) {
      return errorResponse(error, { dialect: 'openai', requestId, log });
    }
  };
}

/** `/admin/v1` (contracts, section 1): what operators see and do. */
export function addAdminRoutes(app: Hono<Environment>, deps: AdminDeps): void {
  const { control } = deps;
  const get = (path: string, handle: () => unknown): void => {
    app.get(path, guarded(deps, handle));
  };
  get('/admin/v1/nodes', () => ({ nodes: listAdminNodes(control.snapshot(), control) }));
  get('/admin/v1/models', () => ({ models: listAdminModels(control.snapshot(), control) }));
  app.post(
    '/admin/v1/models/load',
    guarded(deps, async (context) => {
      const { model, node } = await readCall(context.req.raw);
      const result = await control.loadModel({ model, node }, context.req.raw.signal);
      return { model, ...result };
    }),
  );
  app.post(
    '/admin/v1/models/unload',
    guarded(deps, async (context) => {
      const { model, node, force } = await readCall(context.req.raw);
      const results = await control.unloadModel(
        { model, node, force: force ?? false },
        context.req.raw.signal,
      );
      return { results: results.map((result) => ({ model, ...result })) };
    }),
  );
}
