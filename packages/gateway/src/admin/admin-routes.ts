import { listAdminModels, listAdminNodes } from '@cortex/fleet';
import {
  AdminAddCall,
  AdminFreeCall,
  AdminModelCall,
  AdminPinCall,
  AdminPullCall,
  AdminRemoveCall,
  AdminRequestsQuery,
  CortexError,
  DrainRequest,
  readShape,
} from '@cortex/protocol';
import { EVENT_STREAM_HEADERS, streamResponse } from '@cortex/service';
import type { Hono } from 'hono';

import { type Environment } from '../api/environment.ts';
import { type Control } from '../control/control.ts';
import { WORDS } from '../control/words.ts';
import { type RecentRequests } from '../metering/recent-requests.ts';
import { type AdminCallDeps, guarded, readCall, required } from './admin-call.ts';
import { type CatalogueEdits } from './catalogue-edits.ts';
import { type FleetFeed } from './fleet-feed.ts';
import { adminFleet } from './fleet-view.ts';

interface AdminDeps extends AdminCallDeps {
  readonly control: Control;
  readonly edits: CatalogueEdits;
  readonly feed: FleetFeed;
  readonly requests: Pick<RecentRequests, 'list'>;
  /** Changed keys of cortex.toml that are in use only after a restart. */
  readonly restartRequired: () => readonly string[];
}

/** `/admin/v1` (contracts, section 1): the views and calls of operators. */
export function addAdminRoutes(app: Hono<Environment>, deps: AdminDeps): void {
  addViews(app, deps);
  addModelCalls(app, deps);
  addNodeCalls(app, deps);
}

/** What is, and what was decided. */
function addViews(app: Hono<Environment>, deps: AdminDeps): void {
  const { control, requests } = deps;
  const view = { activity: control, words: WORDS };
  const get = (path: string, handle: () => unknown): void => {
    app.get(path, guarded(deps, handle));
  };
  get('/admin/v1/nodes', () => ({ nodes: listAdminNodes(control.snapshot(), view) }));
  get('/admin/v1/models', () => ({ models: listAdminModels(control.snapshot(), view) }));
  get('/admin/v1/fleet', () => {
    const keys = deps.restartRequired();
    const fleet = adminFleet(control.snapshot(), view);
    return keys.length === 0 ? fleet : { ...fleet, restart_required: keys };
  });
  app.get(
    '/admin/v1/requests',
    guarded(deps, (request) => {
      const query = Object.fromEntries(new URL(request.url).searchParams);
      return { requests: requests.list(readShape(AdminRequestsQuery, query)) };
    }),
  );
  addEvents(app, deps);
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
}

/** `GET /admin/v1/events`: the fleet, then its changes, as server-sent events. */
function addEvents(app: Hono<Environment>, deps: AdminDeps): void {
  const { feed } = deps;
  app.get(
    '/admin/v1/events',
    guarded(deps, (request, connection, { requestId }) => {
      if (feed.isClosed) throw new CortexError('shutting_down', 'cortex is shutting down.');
      let isDropped = false;
      const drop = (): void => {
        isDropped = true;
        connection.drop();
      };
      async function* body(): AsyncGenerator<string, void> {
        connection.liftIdleLimit();
        yield* feed.read(request.signal, drop);
        if (!isDropped) connection.restoreIdleLimit();
      }
      return streamResponse(body(), { ...EVENT_STREAM_HEADERS, 'x-request-id': requestId });
    }),
  );
}

function addModelCalls(app: Hono<Environment>, deps: AdminDeps): void {
  const { control, edits } = deps;
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
}

function addNodeCalls(app: Hono<Environment>, deps: AdminDeps): void {
  const { control } = deps;
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
