import { describeModel, listModels } from '@cortex/fleet';
import { MAX_MODEL_CHARS, type ListedModel } from '@cortex/protocol';

import { type Control } from '../control/control.ts';
import { unknownModel } from '../control/refusal-error.ts';
import { toAnthropicList, toAnthropicModel } from './anthropic-models.ts';
import { toLmStudioModel } from './lm-studio-models.ts';
import { type MeteredRequest } from './metered.ts';

interface ModelsDeps {
  readonly control: Control;
  /** `created` of every model, Unix seconds. */
  readonly createdS: number;
}

const answer = (body: unknown, { requestId }: MeteredRequest): Response =>
  Response.json(body, { headers: { 'x-request-id': requestId } });

/**
 * The list that Codex reads where it sends `client_version`. It needs the member, and an entry would replace the
 * instructions that Codex sends to a model.
 */
const CODEX_MODELS = { models: [] };

/** `GET /v1/models`: the models that clients can use, in the client's dialect. */
export function listModelsHandler({ control, createdS }: ModelsDeps) {
  return (request: MeteredRequest): Response => {
    const snapshot = control.snapshot();
    const models = listModels(snapshot, { createdS });
    if (request.dialect === 'anthropic')
      return answer(toAnthropicList(snapshot, models, createdS), request);
    const isCodex = request.context.req.query('client_version') !== undefined;
    return answer({ object: 'list', data: models, ...(isCodex && CODEX_MODELS) }, request);
  };
}

/** The entry of the model in the path. @throws CortexError `model_not_found` */
async function modelInPath(
  { context, meter }: MeteredRequest,
  { control, createdS }: ModelsDeps,
): Promise<ListedModel> {
  const asked = context.req.param('id') ?? '';
  const id = asked.slice(0, MAX_MODEL_CHARS);
  meter.modelAsked = id;
  if (id === asked) await control.resolveSettled(id, context.req.raw.signal);
  const model = id === asked ? describeModel(control.snapshot(), id, { createdS }) : undefined;
  if (model === undefined) throw unknownModel(id, control.snapshot());
  return model;
}

/** `GET /v1/models/{name}`: answers for every name that a request may use. A name may contain `/`. */
export function getModelHandler(deps: ModelsDeps) {
  return async (request: MeteredRequest): Promise<Response> => {
    const model = await modelInPath(request, deps);
    return answer(request.dialect === 'anthropic' ? toAnthropicModel(model) : model, request);
  };
}

/** `GET /api/v0/models`: the models in the format of LM Studio, which editors detect. */
export function listLmStudioModelsHandler({ control, createdS }: ModelsDeps) {
  return (request: MeteredRequest): Response => {
    const models = listModels(control.snapshot(), { createdS });
    return answer({ object: 'list', data: models.map(toLmStudioModel) }, request);
  };
}

/** `GET /api/v0/models/{name}`, for every name that a request may use. */
export function getLmStudioModelHandler(deps: ModelsDeps) {
  return async (request: MeteredRequest): Promise<Response> =>
    answer(toLmStudioModel(await modelInPath(request, deps)), request);
}
