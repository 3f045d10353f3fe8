import {
  type AnswerFacts,
  type ClientBody,
  CortexError,
  type Dialect,
  type DialectName,
  type EmptyRequest,
} from '@cortex/protocol';
import type { Resolution } from '@cortex/fleet';
import {
  ClientConnection,
  errorResponse,
  namingEncoding,
  readBody,
  requestIdOf,
} from '@cortex/service';
import type { Context } from 'hono';

import { type AcquireRequest, type Control } from '../control/control.ts';
import { type MeterDeps, RequestMeter } from '../metering/request-meter.ts';
import { Exchange, type ProxyDeps } from '../proxy/exchange.ts';
import { EXPLAIN_HEADER, explainHeader } from '../proxy/explain-header.ts';
import { forwardStream, forwardWhole } from '../proxy/forward.ts';
import { placeHeaders, toNodeHeaders } from '../proxy/headers.ts';
import { droppedHeaders } from './dropped-names.ts';
import { type Environment } from './environment.ts';
import { CHAT, type InferenceRoute } from './inference-routes.ts';
import { type Principals } from './principal.ts';
import { RequestFacts } from './request-facts.ts';

export interface InferenceDeps {
  readonly control: Control;
  readonly proxy: ProxyDeps;
  readonly meter: MeterDeps;
  readonly principals: Principals;
  /** Seconds; absent: `IDLE_LIMIT_S`. */
  readonly idleLimitS?: number | undefined;
}

/** The model that `asked` resolves to. @throws CortexError the final 404, or 503 while a node may still have it */
async function resolveModel(
  control: Control,
  {
    asked,
    requestId,
    weight,
    startedMs,
  }: { asked: string; requestId: string; weight: number; startedMs: number },
  signal: AbortSignal,
): Promise<Omit<Extract<Resolution, { kind: 'model' }>, 'kind'>> {
  const found = control.resolve(asked);
  const resolution = found.kind === 'model' ? found : await control.resolveSettled(asked, signal);
  if (resolution.kind === 'model') return resolution;
  const lease = await control.acquire(
    { requestId, model: asked, weight, stream: false, tried: [], arrivedMs: startedMs },
    signal,
  );
  // The model is known after all: a node has just reported it.
  lease.release();
  return { model: lease.model, viaAlias: false };
}

/** The model of a request that names none (contracts, section 1). @throws CortexError `missing_model_field` */
async function unnamed(control: Control, signal: AbortSignal): Promise<string> {
  const name = await control.nameForUnnamed(signal);
  if (name !== undefined) return name;
  throw new CortexError(
    'missing_model_field',
    'The body has no "model", and there is neither an alias "default" nor exactly one model to use instead: set "model".',
    { param: 'model' },
  );
}

/** Slots that a request takes: each answer of a generation takes one, `n` images are one piece of work. */
function weightOf({ api, takesSlot }: InferenceRoute, { n }: { readonly n: number }): number {
  if (!takesSlot) return 0;
  return api === 'images' ? 1 : n;
}

/** The handler of an inference route: reads the body in the dialect of the route, resolves the model and forwards the request. */
export function inferenceHandler(route: InferenceRoute, deps: InferenceDeps) {
  const { api, nodePath, canStream, dialect } = route;
  return async (context: Context<Environment>): Promise<Response> => {
    const request = context.req.raw;
    const { server } = context.env;
    const { headers, signal } = request;
    const requestId = requestIdOf(headers);
    const meter = new RequestMeter(deps.meter, { requestId, api });
    const peer = server.requestIP(request)?.address ?? '';
    meter.principal = deps.principals.of(headers, peer);
    const connection = new ClientConnection(server, request, deps.idleLimitS);
    let exchange: Exchange;
    try {
      if (deps.proxy.exchanges.isClosing)
        throw new CortexError('shutting_down', 'cortex is shutting down.', { retryAfterS: 5 });
      const bytes = await readBody(request, { maxBytes: deps.proxy.limits.maxBodyBytes, signal });
      connection.liftIdleLimit();
      const body = await readView(bytes, request, dialect);
      const { view } = body;
      const weight = weightOf(route, view);
      meter.modelAsked = view.model;
      meter.isStream = canStream && view.stream;
      const target = await resolveModel(
        deps.control,
        {
          asked: view.model ?? (await unnamed(deps.control, signal)),
          requestId,
          weight,
          startedMs: meter.startedMs,
        },
        signal,
      );
      meter.model = target.model;
      const place = {
        requestId,
        model: target.model,
        node: target.node,
        weight,
        stream: meter.isStream,
        affinityKey: view.affinityKey,
        tried: [],
        arrivedMs: meter.startedMs,
      };
      const facts = new RequestFacts(view.model ?? target.model, meter, deps.control);
      if (body.empty !== undefined) {
        const response = await answerEmpty(
          deps,
          { meter, place, facts, empty: body.empty },
          signal,
        );
        connection.restoreIdleLimit();
        return response;
      }
      exchange = new Exchange(deps.proxy, meter, {
        wire: {
          method: 'POST',
          path: body.nodePath ?? nodePath,
          body: body.named(target.model),
          headers: toNodeHeaders(headers, {
            requestId,
            principal: meter.principal,
            params: target.params,
          }),
        },
        canStream,
        client: {
          dialect,
          body,
          facts,
          hasReasoning: (body.nodePath ?? nodePath) === CHAT,
          headers: droppedHeaders(body),
        },
        place,
        signal,
        connection,
      });
    } catch (error) {
      connection.restoreIdleLimit();
      return refuseUnsent(meter, error, dialect.name);
    }
    return meter.isStream ? forwardStream(exchange) : forwardWhole(exchange);
  };
}

interface Empty {
  readonly meter: RequestMeter;
  readonly place: AcquireRequest;
  readonly facts: AnswerFacts;
  readonly empty: EmptyRequest;
}

/** Answers a request that needs no node, once its model is loaded where it waits for that. */
async function answerEmpty(
  { control }: InferenceDeps,
  { meter, place, facts, empty }: Empty,
  signal: AbortSignal,
): Promise<Response> {
  if (empty.waitsFor === 'load') {
    const lease = await control.acquire(place, signal);
    meter.place(lease);
    lease.release();
  }
  const headers = { 'content-type': 'application/json', ...placeHeaders(meter) };
  const response = new Response(empty.answer(facts), { headers });
  meter.end({ outcome: 'ok', status: response.status });
  return response;
}

/** @throws CortexError as `Dialect.read` */
async function readView(
  bytes: Uint8Array<ArrayBuffer>,
  request: Request,
  dialect: Dialect,
): Promise<ClientBody> {
  try {
    return await dialect.read(bytes, request.headers);
  } catch (error) {
    throw namingEncoding(error, request);
  }
}

function refuseUnsent(meter: RequestMeter, thrown: unknown, dialect: DialectName): Response {
  const error = meter.fail(thrown);
  if (error.code === 'client_closed_request') return new Response(null, { status: 499 });
  const { explanation } = error.details;
  const headers = explanation ? { [EXPLAIN_HEADER]: explainHeader(explanation) } : {};
  return errorResponse(error, { dialect, requestId: meter.requestId, headers });
}
