/** Routes that change what is loaded. */
import { LoadModelRequest, UnloadModelRequest } from '@cortex/protocol';
import { readBody } from '@cortex/service';

import type { ApiContext, ApiDeps } from './context.ts';
import { parseCall } from './json-body.ts';

/** A load call is a few hundred bytes. */
const MAX_CALL_BYTES = 1 << 20;

function readCall({ req }: ApiContext): Promise<Uint8Array> {
  return readBody(req.raw, { maxBytes: MAX_CALL_BYTES, signal: req.raw.signal });
}

/** `POST /models/load`, with `?wait=true` held until loaded. */
export function loadModel({ models, gate }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    gate.check();
    const call = parseCall(await readCall(context), LoadModelRequest);
    gate.check();
    const isWaiting = context.req.query('wait') === 'true';
    if (isWaiting) context.env.server.timeout(context.req.raw, 0);
    const status = await models.load(call, isWaiting ? context.req.raw.signal : undefined);
    return context.json({ status }, status === 'loaded' ? 200 : 202);
  };
}

/** `POST /models/unload`: answers when the memory is free again. */
export function unloadModel({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const call = parseCall(await readCall(context), UnloadModelRequest);
    context.env.server.timeout(context.req.raw, 0);
    await models.unload(call.model_id, {
      force: call.force ?? false,
      ifIdle: call.if_idle ?? false,
      ifGeneration: call.if_generation,
    });
    return context.json({ status: 'unloaded' });
  };
}
