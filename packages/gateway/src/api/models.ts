import { describeModel, type ListOptions, listModels } from '@cortex/fleet';
import {
  type ListedModel,
  MAX_MODEL_CHARS,
  parseBody,
  readOllamaShow,
  toOllamaShow,
} from '@cortex/protocol';
import { readBody } from '@cortex/service';

import { type Control } from '../control/control.ts';
import { unknownModel } from '../control/refusal-error.ts';
import { WORDS } from '../control/words.ts';
import { anthropicModels, toAnthropicModel } from './anthropic-models.ts';
import { readPageRequest, toPage } from './anthropic-page.ts';
import { toLmStudioModel } from './lm-studio-models.ts';
import { type ProxyLimits } from '../proxy/exchange.ts';
import { type MeteredRequest } from './metered.ts';
import { requestIdHeaders } from './request-id-headers.ts';

interface ModelsDeps {
  readonly control: Control;
  /** `created` of every model, Unix seconds. */
  readonly createdS: number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

const viewOf = ({ control, createdS }: ModelsDeps): ListOptions => ({
  createdS,
  words: WORDS,
  fits: (model) => control.fits(model),
});

const answer = (body: unknown, { dialect, requestId }: MeteredRequest): Response =>
  Response.json(body, { headers: requestIdHeaders(dialect, requestId) });

/**
 * The list that Codex reads where it sends `client_version`. It needs the member, and an entry would replace the
 * instructions that Codex sends to a model.
 */
const CODEX_MODELS = { models: [] };

/** `GET /v1/models`: the models that clients can use, in the client's dialect. */
export function listModelsHandler(deps: ModelsDeps) {
  const { control } = deps;
  return (request: MeteredRequest): Response => {
    const snapshot = control.snapshot();
    const models = listModels(snapshot, viewOf(deps));
    const query = request.context.req.query();
    if (request.dialect === 'anthropic') {
      const page = readPageRequest(query);
      return answer(toPage(anthropicModels(snapshot, models, viewOf(deps)), page), request);
    }
    const isCodex = 'client_version' in query;
    return answer({ object: 'list', data: models, ...(isCodex && CODEX_MODELS) }, request);
  };
}

/** The entry of the model in the path. @throws CortexError `model_not_found` */
async function modelInPath(
  { context, meter }: MeteredRequest,
  deps: ModelsDeps,
): Promise<ListedModel> {
  const { control } = deps;
  const asked = context.req.param('id') ?? '';
  const id = asked.slice(0, MAX_MODEL_CHARS);
  meter.modelAsked = id;
  if (id === asked) await control.resolveSettled(id, context.req.raw.signal);
  const model = id === asked ? describeModel(control.snapshot(), id, viewOf(deps)) : undefined;
  if (model === undefined) throw unknownModel(id, control.snapshot());
  return model;
}

/** With this header, the model is loaded as for a request, before the question comes. */
const WARM_HEADER = 'x-cortex-warm';

/** Loads the model of a request to come, and returns at once. */
function warm({ context, requestId }: MeteredRequest, { control, nowMs }: ModelsDeps): void {
  const resolution = control.resolve(context.req.param('id') ?? '');
  if (resolution.kind === 'unknown') return;
  const { model, node } = resolution;
  if (control.waiting(model) > 0) return;
  const question = { requestId, model, node, weight: 1, stream: false, isHint: true, tried: [] };
  const place = { ...question, arrivedMs: nowMs() };
  control.acquire(place, new AbortController().signal).then(
    (lease) => lease.release(),
    // Whoever asks next gets the reason.
    () => undefined,
  );
}

/**
 * `GET /v1/models/{name}`: answers for every name that a request may use. A name may contain `/`. With
 * `x-cortex-warm: 1` it also starts to load the model.
 */
export function getModelHandler(deps: ModelsDeps) {
  return async (request: MeteredRequest): Promise<Response> => {
    const model = await modelInPath(request, deps);
    if (request.context.req.header(WARM_HEADER) === '1') warm(request, deps);
    return answer(request.dialect === 'anthropic' ? toAnthropicModel(model) : model, request);
  };
}

/** `GET /api/v0/models`: the models in the format of LM Studio, which editors detect. */
export function listLmStudioModelsHandler(deps: ModelsDeps) {
  const { control } = deps;
  return (request: MeteredRequest): Response => {
    const models = listModels(control.snapshot(), viewOf(deps));
    return answer({ object: 'list', data: models.map(toLmStudioModel) }, request);
  };
}

/** `GET /api/v0/models/{name}`, for every name that a request may use. */
export function getLmStudioModelHandler(deps: ModelsDeps) {
  return async (request: MeteredRequest): Promise<Response> =>
    answer(toLmStudioModel(await modelInPath(request, deps)), request);
}

/** `GET /api/tags` or `/api/ps`: the models in the format of Ollama. */
export function listOllamaModelsHandler(
  deps: ModelsDeps,
  toList: (models: readonly ListedModel[]) => unknown,
) {
  return (request: MeteredRequest): Response =>
    answer(toList(listModels(deps.control.snapshot(), viewOf(deps))), request);
}

/** `POST /api/show`. */
export function showOllamaModelHandler(
  deps: ModelsDeps,
  limits: Pick<ProxyLimits, 'maxBodyBytes'>,
) {
  const { control } = deps;
  return async (request: MeteredRequest): Promise<Response> => {
    const { raw } = request.context.req;
    const bytes = await readBody(raw, { maxBytes: limits.maxBodyBytes, signal: raw.signal });
    const asked = readOllamaShow(parseBody(bytes));
    request.meter.modelAsked = asked;
    const resolution = await control.resolveSettled(asked, raw.signal);
    const id = resolution.kind === 'model' ? resolution.model : asked;
    const model = describeModel(control.snapshot(), id, viewOf(deps));
    if (model === undefined) throw unknownModel(asked, control.snapshot());
    return answer(toOllamaShow(model), request);
  };
}
