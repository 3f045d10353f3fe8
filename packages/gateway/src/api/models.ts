import { describeModel, type FleetSnapshot, listModels } from '@cortex/fleet';
import { CortexError, MAX_MODEL_CHARS, type ListedModel } from '@cortex/protocol';

import { type Control } from '../control/control.ts';
import { type MeteredRequest } from './metered.ts';

/** A model as Anthropic's `GET /v1/models` shows it. */
function toAnthropicModel(model: ListedModel) {
  return {
    type: 'model',
    id: model.id,
    display_name: model.id,
    created_at: new Date(model.created * 1000).toISOString(),
  };
}

/** Adds aliases with names like those of Anthropic, even if they are not listed: Claude Code offers no other names. */
function withClaudeAliases(
  snapshot: FleetSnapshot,
  models: readonly ListedModel[],
  createdS: number,
): readonly ListedModel[] {
  const shown = new Set(models.map(({ id }) => id));
  const added = [...snapshot.aliases.exact.keys()]
    .filter((name) => name.startsWith('claude-') && !shown.has(name))
    .flatMap((name) => describeModel(snapshot, name, { createdS }) ?? []);
  return [...models, ...added].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function toAnthropicList(models: readonly ListedModel[]) {
  return {
    data: models.map(toAnthropicModel),
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  };
}

/** `GET /v1/models`: the models that clients can use, in the client's dialect. */
export function listModelsHandler(control: Control, createdS: number) {
  return ({ dialect, requestId }: MeteredRequest): Response => {
    const snapshot = control.snapshot();
    const models = listModels(snapshot, { createdS });
    const body =
      dialect === 'anthropic'
        ? toAnthropicList(withClaudeAliases(snapshot, models, createdS))
        : { object: 'list', data: models };
    return Response.json(body, { headers: { 'x-request-id': requestId } });
  };
}

/** `GET /v1/models/{name}`: answers for every name that a request may use. A name may contain `/`. */
export function getModelHandler(control: Control, createdS: number) {
  return async ({ context, dialect, requestId, meter }: MeteredRequest): Promise<Response> => {
    const asked = context.req.param('id') ?? '';
    const id = asked.slice(0, MAX_MODEL_CHARS);
    meter.modelAsked = id;
    if (id === asked) await control.resolveSettled(id, context.req.raw.signal);
    const model = id === asked ? describeModel(control.snapshot(), id, { createdS }) : undefined;
    if (model === undefined)
      throw new CortexError('model_not_found', `No model has the name ${JSON.stringify(id)}.`);
    const body = dialect === 'anthropic' ? toAnthropicModel(model) : model;
    return Response.json(body, { headers: { 'x-request-id': requestId } });
  };
}
