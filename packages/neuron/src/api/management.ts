/** Routes that load and unload models. */
import { LoadModelRequest, UnloadModelRequest } from '@cortex/protocol';
import { readBody } from '@cortex/service';

import type { ApiContext, ApiDeps } from './context.ts';
import { parseCall, parseFields, parseJsonObject } from '../json-body.ts';

/** A management call is a few hundred bytes. */
const MAX_CALL_BYTES = 1 << 20;

/** The body of a management call. @throws CortexError `request_too_large` */
export function readCall({ req }: ApiContext): Promise<Uint8Array> {
  return readBody(req.raw, { maxBytes: MAX_CALL_BYTES, signal: req.raw.signal });
}

/** `POST /models/load`, with `?wait=true` it answers once the model is loaded. */
export function loadModel({ models, gate }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    gate.check();
    const call = parseCall(await readCall(context), LoadModelRequest);
    gate.check();
    const isWaiting = context.req.query('wait') === 'true';
    if (isWaiting) context.get('connection').liftIdleLimit();
    const status = await models.load(call, isWaiting ? context.req.raw.signal : undefined);
    return context.json({ status }, status === 'loaded' ? 200 : 202);
  };
}

/** `POST /models/unload`: answers once the memory is free. */
export function unloadModel({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const call = parseCall(await readCall(context), UnloadModelRequest);
    context.get('connection').liftIdleLimit();
    await models.unload(call.model_id, {
      force: call.force ?? false,
      ifIdle: call.if_idle ?? false,
      ifGeneration: call.if_generation,
    });
    return context.json({ status: 'unloaded' });
  };
}

/** `POST /models/rescan`: scans the models folders again and answers with the number of models. */
export function rescanModels({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    await models.rescan();
    return context.json({ models: models.entries(performance.now()).length });
  };
}

/** `POST /models/{id}/estimate`: the memory that a load with these fields needs, and whether it fits now. */
export function estimateModel({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const modelId = context.req.param('id') ?? '';
    const fields = parseJsonObject(await readCall(context));
    const call = parseFields({ ...fields, model_id: modelId }, LoadModelRequest);
    const forecast = await models.forecast(call);
    const { shortage } = forecast;
    return context.json({
      vram_mb: forecast.vramMib,
      ram_mb: forecast.ramMib,
      kv_mb_per_1k_tokens: forecast.kvMibPer1kTokens,
      context_max: forecast.contextMax,
      slots_max: forecast.slotsMax,
      context_length: forecast.contextTokens,
      slots: forecast.slots,
      gpu_layers: forecast.gpuLayers,
      devices: forecast.deviceIndexes,
      fits: shortage === undefined,
      device: shortage?.device,
      missing_mb: shortage?.missingMib,
    });
  };
}
