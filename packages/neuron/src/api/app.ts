import { CortexError, NEURON_HEADERS, toCortexError } from '@cortex/protocol';
import {
  ClientConnection,
  errorResponse,
  type Logger,
  requestIdOf,
  routePath,
} from '@cortex/service';
import { Hono } from 'hono';

import {
  GENERATE_ROUTES,
  MEDIA_ROUTES,
  TOKENIZER_ROUTES,
  VECTOR_ROUTES,
} from '../harness/harness.ts';
import { isRefusal } from '../refusal.ts';
import type { ApiContext, ApiDeps, ApiEnv } from './context.ts';
import { restartHarness } from './harnesses.ts';
import { inference } from './inference.ts';
import { events } from './events.ts';
import {
  claimRoom,
  drainNode,
  estimateModel,
  loadModel,
  pinModel,
  rescanModels,
  sleepModel,
  unloadModel,
  wakeModel,
} from './management.ts';
import { metrics } from './metrics.ts';
import { cancelPull, pullModel, pullReport, removeFiles } from './pulls.ts';
import { PRODUCT_VERSION } from '../version.ts';
import { tokenizer } from './tokenizer.ts';
import { capabilities, discovery, endpoint, health, listModels, logs, version } from './views.ts';

/** Turns a failure into the answer for the caller. Failures are logged only here. */
function answerFailure(thrown: unknown, context: ApiContext, log: Logger): Response {
  const { method, path, raw } = context.req;
  const requestId = context.get('requestId');
  if (raw.signal.aborted) {
    // The client has gone, but the handler must settle, or its connection stays open.
    return new Response(null, { status: 499 });
  }
  const error = toCortexError(thrown);
  const fields = { requestId, method, path, code: error.code, status: error.status };
  if (error.code === 'internal_error') log.error({ ...fields, err: thrown }, 'request failed');
  else log.debug({ ...fields, reason: error.message }, 'request refused');
  return errorResponse(error, {
    dialect: 'openai',
    requestId,
    ...(isRefusal(error) && { headers: { [NEURON_HEADERS.refused]: '1' } }),
  });
}

const isEventStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false;

const INFERENCE_PATHS: ReadonlySet<string> = new Set([
  ...GENERATE_ROUTES,
  ...VECTOR_ROUTES,
  ...MEDIA_ROUTES,
  ...TOKENIZER_ROUTES,
]);

/** The calls that pages of `security.cors_origins` may make: reads and inference, but nothing that changes the node. */
export const isOpenToPages = (method: string, path: string): boolean =>
  method === 'GET' || method === 'HEAD' || INFERENCE_PATHS.has(path);

let document: Promise<object> | undefined;

/** Made when it is asked for first, and then kept: that takes some ms. */
function openApi(): Promise<object> {
  document ??= import('@cortex/protocol/openapi').then(({ nodeOpenApi }) =>
    nodeOpenApi(PRODUCT_VERSION),
  );
  return document;
}

/** neuron's HTTP API (contracts, section 3): `Request` in, `Response` out. */
export function createApi(deps: ApiDeps, log: Logger): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ getPath: routePath });

  app.use(async (context, next) => {
    const requestId = requestIdOf(context.req.raw.headers);
    context.set('requestId', requestId);
    const connection = new ClientConnection(context.env.server, context.req.raw, deps.idleLimitS);
    context.set('connection', connection);
    deps.access.check(context.req.raw.headers);
    await next();
    context.res.headers.set('x-request-id', requestId);
    // A stream continues after this; its harness reports the end.
    if (!isEventStream(context.res)) connection.restoreIdleLimit();
  });

  app.get('/version', (context) => context.json(version(deps)));
  const cpuMemoryMib = deps.ledger.cpu.totalMib;
  app.get('/discovery', (context) =>
    context.json(
      discovery({ devices: deps.devices, cpuMemoryMib, harnesses: deps.harnesses.names }),
    ),
  );
  app.get('/health', (context) => context.json(health(deps)));
  app.get('/openapi.json', async (context) => context.json(await openApi()));
  app.get('/metrics', metrics(deps));
  app.get('/models', listModels(deps));
  app.get('/events', events(deps));
  app.get('/models/:id{.+}/endpoint', endpoint(deps));
  app.get('/models/:id{.+}/logs', logs(deps));
  app.post('/models/load', loadModel(deps));
  app.post('/models/unload', unloadModel(deps));
  app.post('/models/rescan', rescanModels(deps));
  app.post('/harnesses/:name/restart', restartHarness(deps));
  app.post('/models/pull', pullModel(deps));
  app.get('/models/pull/:id{.+}', pullReport(deps));
  app.delete('/models/pull/:id{.+}', cancelPull(deps));
  app.delete('/models/:id{.+}/files', removeFiles(deps));
  app.post('/models/:id{.+}/sleep', sleepModel(deps));
  app.post('/models/:id{.+}/wake', wakeModel(deps));
  app.post('/models/:id{.+}/pin', pinModel(deps));
  app.post('/drain', drainNode(deps));
  app.post('/claim', claimRoom(deps));
  app.get('/models/:id{.+}/capabilities', capabilities(deps));
  app.post('/models/:id{.+}/estimate', estimateModel(deps));
  for (const route of [...GENERATE_ROUTES, ...VECTOR_ROUTES, ...MEDIA_ROUTES]) {
    app.post(route, inference(route, deps));
  }
  for (const route of TOKENIZER_ROUTES) app.post(route, tokenizer(route, deps));

  app.onError((error, context) => answerFailure(error, context, log));
  app.notFound((context) => {
    const { method, path } = context.req;
    const error = new CortexError('invalid_request', `This node has no route ${method} ${path}.`);
    const requestId = context.get('requestId');
    const answer = errorResponse(error, { dialect: 'openai', requestId });
    return new Response(answer.body, { status: 404, headers: answer.headers });
  });
  return app;
}
