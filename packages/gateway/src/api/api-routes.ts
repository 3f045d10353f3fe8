import { fleetHealth } from '@cortex/fleet';
import { toOllamaPs, toOllamaTags, toOllamaVersion } from '@cortex/protocol';
import { errorResponse, requestIdOf } from '@cortex/service';
import { Hono } from 'hono';

import { PRODUCT_VERSION } from '../version.ts';
import { clientPath } from './client-path.ts';
import { type Environment } from './environment.ts';
import { type InferenceDeps, inferenceHandler } from './inference.ts';
import { INFERENCE_ROUTES, isInferencePath } from './inference-routes.ts';
import { dialectOfPath } from './dialect.ts';
import { metered } from './metered.ts';
import {
  getLmStudioModelHandler,
  getModelHandler,
  listLmStudioModelsHandler,
  listModelsHandler,
  listOllamaModelsHandler,
  showOllamaModelHandler,
} from './models.ts';
import { rootPage } from './root-page.ts';
import { refuseRoute } from './refuse-route.ts';

export interface ApiDeps extends InferenceDeps {
  /** Base URL of the metrics listener. */
  readonly metricsUrl: () => string;
  /** When this cortex started, Unix seconds: the `created` of models. */
  readonly createdS: number;
}

let document: Promise<object> | undefined;

/** Made when it is asked for first, and then kept: that takes some ms. */
function openApi(): Promise<object> {
  document ??= import('@cortex/protocol/openapi').then(({ gatewayOpenApi }) =>
    gatewayOpenApi(PRODUCT_VERSION),
  );
  return document;
}

/** The client API of cortex (contracts, section 1), as one `fetch`. */
export function createApi(deps: ApiDeps): Hono<Environment> {
  const app = new Hono<Environment>({ getPath: clientPath });
  const { control } = deps;

  for (const route of INFERENCE_ROUTES) app.post(route.path, inferenceHandler(route, deps));
  const models = (path: string, handle: Parameters<typeof metered>[2]): void => {
    app.get(path, metered('models', deps, handle));
  };
  const lists = { control, createdS: deps.createdS, nowMs: deps.meter.nowMs };
  models('/v1/models', listModelsHandler(lists));
  models('/v1/models/:id{.+}', getModelHandler(lists));
  models('/api/v0/models', listLmStudioModelsHandler(lists));
  models('/api/v0/models/:id{.+}', getLmStudioModelHandler(lists));
  const ollama = (toList: Parameters<typeof listOllamaModelsHandler>[1]) =>
    metered('ollama', deps, listOllamaModelsHandler(lists, toList), 'ollama');
  app.get('/api/tags', ollama(toOllamaTags));
  app.get('/api/ps', ollama(toOllamaPs));
  app.get('/api/version', () => Response.json(toOllamaVersion()));
  const show = showOllamaModelHandler(lists, deps.proxy.limits);
  app.post('/api/show', metered('ollama', deps, show, 'ollama'));
  app.get('/health', () => Response.json(fleetHealth(control.snapshot())));
  app.get('/openapi.json', async () => Response.json(await openApi()));
  app.get('/', ({ req, env }) => {
    const host = req.header('host');
    return rootPage(host ? `http://${host}` : env.server.url.origin, deps.metricsUrl());
  });

  // Known and unknown paths are distinguished only here: with a second handler per route, hono would compose
  // middleware.
  app.notFound((context) => refuseRoute(context.req.raw, refusalFor(context.req)));
  app.onError((error, context) => {
    const { path, raw } = context.req;
    return errorResponse(error, {
      dialect: dialectOfPath(path, raw.headers),
      requestId: requestIdOf(raw.headers),
      log: deps.meter.log,
    });
  });
  return app;
}

/** Length to which an unknown path is shortened in an error. */
const SHOWN_CHARS = 200;

/** The methods of known paths that are not forwarded; used only when no handler matched. */
const ALLOWED_METHODS: readonly (readonly [RegExp, string])[] = [
  [/^\/(?:v1|api\/v0)\/models(?:\/.+)?$/, 'GET, HEAD'],
  [/^\/(?:health|openapi\.json)?$/, 'GET, HEAD'],
  [/^\/api\/(?:tags|ps|version)$/, 'GET, HEAD'],
  [/^\/api\/show$/, 'POST'],
  [/^\/admin\/v1\/(?:fleet|nodes|models|requests|events|explain)$/, 'GET, HEAD'],
  [/^\/admin\/v1\/models\/pull$/, 'GET, HEAD, POST'],
  [/^\/admin\/v1\/(?:models\/(?:load|unload|pin|add|remove)|join-tokens|join)$/, 'POST'],
  [/^\/admin\/v1\/nodes\/[^/]+\/(?:drain|free)$/, 'POST'],
];

function refusalFor({ path, method }: { readonly path: string; readonly method: string }) {
  const allow = isInferencePath(path)
    ? 'POST'
    : ALLOWED_METHODS.find(([pattern]) => pattern.test(path))?.[1];
  return allow === undefined
    ? ({ path, status: 404, message: `Unknown path ${path.slice(0, SHOWN_CHARS)}.` } as const)
    : ({
        path,
        status: 405,
        message: `${path} does not support ${method}: use ${allow.replace(/, (?=[^,]+$)/, ' or ')}.`,
        allow,
      } as const);
}
