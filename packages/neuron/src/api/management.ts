/** Routes that change what the node holds: loads, unloads, pins, the drain. */
import {
  ClaimRequest,
  CortexError,
  type DrainAnswer,
  DrainRequest,
  LoadModelRequest,
  PinModelRequest,
  SleepModelRequest,
  UnloadModelRequest,
} from '@cortex/protocol';
import { readBody } from '@cortex/service';

import { abortable } from '../abortable.ts';
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
    context.get('connection').liftIdleLimit();
    const { signal } = context.req.raw;
    const status = await (isWaiting
      ? models.load(call, signal)
      : abortable(models.load(call), signal));
    return context.json({ status }, status === 'loaded' ? 200 : 202);
  };
}

/**
 * `POST /models/unload`: answers once the memory is free. If the caller leaves while requests are still in flight, the
 * unload is withdrawn.
 */
export function unloadModel({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const call = parseCall(await readCall(context), UnloadModelRequest);
    context.get('connection').liftIdleLimit();
    await models.unload(
      call.model_id,
      {
        force: call.force ?? false,
        ifIdle: call.if_idle ?? false,
        ifGeneration: call.if_generation,
      },
      context.req.raw.signal,
    );
    return context.json({ status: 'unloaded' });
  };
}

/**
 * `POST /models/{id}/sleep`: an idle model gives its memory back and keeps its process; with `if_generation` only the
 * load that is meant.
 */
export function sleepModel({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const bytes = await readCall(context);
    const call = bytes.length === 0 ? {} : parseCall(bytes, SleepModelRequest);
    context.get('connection').liftIdleLimit();
    await models.sleep(context.req.param('id') ?? '', call.if_generation);
    return context.json({ status: 'sleeping' });
  };
}

/** `POST /models/{id}/wake`: answers once the model serves again. */
export function wakeModel({ models, gate }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    gate.check();
    context.get('connection').liftIdleLimit();
    await models.wake(context.req.param('id') ?? '', context.req.raw.signal);
    return context.json({ status: 'loaded' });
  };
}

/** `POST /models/{id}/pin`: a pinned model is not unloaded by its TTL or for another program. */
export function pinModel({ models }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const id = context.req.param('id') ?? '';
    const { pinned } = parseCall(await readCall(context), PinModelRequest);
    models.pin(id, pinned);
    return context.json({ id, pinned });
  };
}

/** `POST /drain`: begins or ends a drain. While it lasts, the node refuses loads and serves what it has. */
export function drainNode({ drain }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    const { draining, for_s: forS } = parseCall(await readCall(context), DrainRequest);
    if (draining) drain.begin(forS);
    else if (forS === undefined) drain.end();
    else {
      throw new CortexError('invalid_request', 'for_s needs draining: true.', { param: 'for_s' });
    }
    const answer: DrainAnswer = { draining: drain.isActive, for_s: drain.remainingS };
    return context.json(answer);
  };
}

/** `POST /claim`: tells all gateways that one of them keeps room for a model that waits. */
export function claimRoom({ claims }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    claims.take(parseCall(await readCall(context), ClaimRequest));
    return context.json({ claims: claims.current });
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
      least_mb: forecast.leastMib,
      most_mb: forecast.mostMib,
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
