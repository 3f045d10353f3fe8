/** Routes that download model files and remove them. */
import { CortexError, PullModelRequest, stateTraits } from '@cortex/protocol';

import { parseCall } from '../json-body.ts';
import { noPull } from '../store/pull/pulls.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { readCall } from './management.ts';

const idOf = (context: ApiContext): string => context.req.param('id') ?? '';

/** `POST /models/pull`: starts a pull and answers 202 with its report; 200 if it has ended already. */
export function pullModel({ store, gate }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    gate.check();
    const {
      model_id: modelId,
      source,
      quant,
      mmproj,
      draft,
    } = parseCall(await readCall(context), PullModelRequest);
    gate.check();
    const pull = store.pull({ modelId, source, quant, mmproj, draft });
    return context.json(pull.report(), pull.isRunning ? 202 : 200);
  };
}

/** `GET /models/pull/{id}`: the running pull of the model, or else its last one. */
export function pullReport({ store }: ApiDeps) {
  return (context: ApiContext): Response => {
    const pull = store.pulls.get(idOf(context));
    if (!pull) throw noPull(idOf(context));
    return context.json(pull.report());
  };
}

/** `DELETE /models/pull/{id}`: cancels the pull and removes its incomplete files. */
export function cancelPull({ store }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> =>
    context.json(await store.pulls.cancel(idOf(context)));
}

/** `DELETE /models/{id}/files`: removes the files of a model that is not loaded. */
export function removeFiles({ models, store }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const id = idOf(context);
    const state = models.get(id)?.state ?? 'unloaded';
    if (stateTraits(state).held && state !== 'failed') {
      throw new CortexError(
        'conflict',
        `${id} is ${state}. Unload it before its files are removed.`,
      );
    }
    const { files, freedBytes } = await store.remove(id);
    models.filesRemoved(id);
    return context.json({ model_id: id, files, freed_bytes: freedBytes });
  };
}
