/** The inference routes: a seat, then the harness. */
import { CortexError, isMultipart, readFormFields } from '@cortex/protocol';
import { namingEncoding, readBody } from '@cortex/service';

import type { Seat } from '../admission/admission.ts';
import {
  type HarnessRequest,
  isGenerateRoute,
  MEDIA_ROUTES,
  type SeatedRoute,
} from '../harness/harness.ts';
import type { Models, ServableModel } from '../models/models.ts';
import { isRefusal } from '../refusal.ts';
import { ALWAYS_PARSED_BYTES, checkBodySize, checkParsedSize } from './body-size.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { parseWhole, type ReadBody, readLargeBody } from './large-body.ts';
import { withoutImages } from './noted-images.ts';
import { largestReadable, refuseOversized } from './oversized-body.ts';

/** The fields that admission reads; the harness validates the rest. */
interface InferenceView {
  readonly model: string;
  readonly n: number;
  readonly isStreamed: boolean;
}

/** The capability that each route needs, as named in `/models`, and the error text without it. */
const WANTED = {
  '/v1/chat/completions': { word: 'text', lack: 'does not generate text' },
  '/v1/completions': { word: 'text', lack: 'does not generate text' },
  '/v1/embeddings': { word: 'embedding', lack: 'does not create embeddings' },
  '/v1/rerank': { word: 'rerank', lack: 'does not rerank' },
  '/v1/images/generations': { word: 'images', lack: 'does not create images' },
  '/v1/audio/transcriptions': { word: 'audio', lack: 'does not transcribe speech' },
  '/v1/audio/translations': { word: 'audio', lack: 'does not translate speech' },
  '/v1/audio/speech': { word: 'speech', lack: 'does not speak' },
} as const satisfies Record<SeatedRoute, { word: string; lack: string }>;

const invalid = (param: string, must: string): CortexError =>
  new CortexError('invalid_request', `${param} must be ${must}.`, { param });

/** @throws CortexError `missing_model_field`, `invalid_request` on `model` */
export function readModel({ model }: Readonly<Record<string, unknown>>): string {
  if (model === undefined || model === null || model === '') {
    throw new CortexError('missing_model_field', 'The body has no model.', { param: 'model' });
  }
  if (typeof model !== 'string') throw invalid('model', 'a string');
  return model;
}

function readView(route: SeatedRoute, body: Readonly<Record<string, unknown>>): InferenceView {
  const model = readModel(body);
  const { n, stream } = body;
  if (!isGenerateRoute(route)) return { model, n: 1, isStreamed: false };
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid('stream', 'true or false');
  }
  if (n === undefined || n === null) return { model, n: 1, isStreamed: stream === true };
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1) {
    throw invalid('n', 'a whole number of at least 1');
  }
  return { model, n, isStreamed: stream === true };
}

/** The text fields of a form, as the members of a body. */
const formBody = (
  bytes: Uint8Array,
  contentType: string | null,
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    [...readFormFields(bytes, contentType)].map(([name, { value }]) => [name, value]),
  );

/** What a route demands of the size of a body, before it is parsed. */
export interface BodyDemands {
  /** Bytes above which a body is refused without being kept; undefined: none. */
  readonly mostBytes: (models: Models) => number | undefined;
  /** Refuses a large body that its model cannot read. */
  readonly check: (serving: ServableModel, bytes: Uint8Array) => void;
  /** Whether a large body may be sent on without being parsed. */
  readonly isForwarded: boolean;
}

/** Reads the entire body of an inference request. */
export async function readInference(
  context: ApiContext,
  { gate, models, access, maxBodyBytes: maxBytes }: ApiDeps,
  { mostBytes, ...demands }: BodyDemands,
): Promise<ReadBody> {
  const request = context.req.raw;
  gate.check();
  const most = mostBytes(models);
  if (most !== undefined && most < maxBytes) {
    await refuseOversized(request, { models, mostBytes: most });
  }
  const received = await readBody(request, { maxBytes, signal: request.signal });
  context.get('connection').liftIdleLimit();
  try {
    const contentType = request.headers.get('content-type');
    const takesForms = MEDIA_ROUTES.some((route) => route === context.req.path);
    if (takesForms && isMultipart(contentType)) {
      return { body: formBody(received, contentType), bytes: received };
    }
    const bytes = await withoutImages(received, models);
    if (bytes.length <= ALWAYS_PARSED_BYTES) return parseWhole(bytes);
    const params = access.paramsOf(request.headers);
    return await readLargeBody(bytes, { ...demands, models, params });
  } catch (error) {
    throw namingEncoding(error, request);
  }
}

/** The identity of a request, and the parameters that cortex sent with it. */
export function identify(
  context: ApiContext,
  { access }: ApiDeps,
): Pick<HarnessRequest, 'headers' | 'principal' | 'requestId' | 'params'> {
  const { headers } = context.req.raw;
  const address = context.env.server.requestIP(context.req.raw)?.address;
  const params = access.paramsOf(headers);
  return {
    headers,
    principal: access.principalOf(headers, address),
    requestId: context.get('requestId'),
    params,
  };
}

/** Aborts when the client disconnects or the wait limit passes. */
const endOf = (
  signal: AbortSignal,
  { expired }: Seat,
  { isStreamed }: InferenceView,
): AbortSignal => (isStreamed ? signal : AbortSignal.any([signal, expired]));

/** Texts to embed or to rank are read whole: 16 MiB are far more than one request should have. */
const VECTOR_BYTES = 16 << 20;

function demandsOf(route: SeatedRoute): BodyDemands {
  if (isGenerateRoute(route)) {
    return { mostBytes: largestReadable, check: checkBodySize, isForwarded: true };
  }
  // An engine of another program has its own limits.
  const isMedia = MEDIA_ROUTES.some((known) => known === route);
  return {
    mostBytes: (models) =>
      isMedia || largestReadable(models) === undefined ? undefined : VECTOR_BYTES,
    // Only a text for an image or for speech is in JSON.
    check: (serving, bytes) =>
      checkParsedSize(serving, bytes, isMedia ? ALWAYS_PARSED_BYTES : VECTOR_BYTES),
    isForwarded: true,
  };
}

/** Handler of an inference route whose requests take a seat. */
export function inference(route: SeatedRoute, deps: ApiDeps) {
  const { models, admission } = deps;
  const demands = demandsOf(route);

  /** Reports a request that can never be answered even when the queue is full (behaviour 45). */
  async function checkWorthWaiting(model: ServableModel, { body, bytes }: ReadBody): Promise<void> {
    const { lifecycle, harness, contextTokens } = model;
    // No token is shorter than a byte, so a body with fewer bytes fits and needs no check.
    const isSurelyShort = contextTokens !== undefined && bytes.length <= contextTokens;
    if (!isGenerateRoute(route) || isSurelyShort) return;
    await harness.checkAnswerable?.(route, lifecycle.id, body);
  }

  return async (context: ApiContext): Promise<Response> => {
    const parsed = await readInference(context, deps, demands);
    deps.gate.check();
    const view = readView(route, parsed.body);
    const model = models.servable(view.model);
    const { word, lack } = WANTED[route];
    if (!model.harness.judgesRequests && !model.capabilities.includes(word)) {
      throw new CortexError('wrong_modality', `${view.model} ${lack}.`, { param: 'model' });
    }
    const identity = identify(context, deps);
    let seat: Seat;
    try {
      const { n: weight, isStreamed, model: modelId } = view;
      const { principal } = identity;
      seat = admission.take({ modelId, slots: model.slots, weight, isStreamed, principal });
    } catch (error) {
      if (error instanceof CortexError && isRefusal(error)) await checkWorthWaiting(model, parsed);
      throw error;
    }
    const request: HarnessRequest = {
      ...parsed,
      ...identity,
      started: () => seat.started(),
      answered: () => context.get('connection').restoreIdleLimit(),
      ended: ({ busyMs }) => {
        model.lifecycle.used();
        seat.release(busyMs);
      },
    };
    return model.harness.serve(
      route,
      view.model,
      request,
      endOf(context.req.raw.signal, seat, view),
    );
  };
}
