import { JsonObjectShape, withoutUndefined } from '@cortex/protocol';
import { z } from 'zod';

import type { CloseOptions } from '../engine/engine.ts';
import type { GenerateRequest } from '../engine/generate.ts';
import { INITIAL_CREDIT } from './version.ts';

/** `generate`: one request to answer as a stream. */
export const WireGenerate = z.looseObject({
  id: z.string(),
  route: z.enum(['chat', 'completions']),
  body: JsonObjectShape,
  principal: z.string(),
  request_id: z.string(),
  credit: z.int().min(1).default(INITIAL_CREDIT),
  params: JsonObjectShape.optional(),
});

export function formatGenerate(id: string, request: GenerateRequest): object {
  return {
    kind: 'generate',
    id,
    route: request.route,
    body: request.body,
    principal: request.principal,
    request_id: request.requestId,
    credit: INITIAL_CREDIT,
    params: request.params,
  };
}

/** @throws ZodError when it is not a `generate` message. */
export function readGenerate(message: unknown): { request: GenerateRequest; credit: number } {
  const wire = WireGenerate.parse(message);
  return {
    request: withoutUndefined({
      id: wire.id,
      route: wire.route,
      body: wire.body,
      principal: wire.principal,
      requestId: wire.request_id,
      params: wire.params,
    }),
    credit: wire.credit,
  };
}

/** `close`: the end of the engine. */
export const WireClose = z.looseObject({
  grace_ms: z.number().min(0).catch(0),
  save: z.string().optional().catch(undefined),
  save_max_mib: z.number().min(0).optional().catch(undefined),
});

export function formatClose(graceMs: number, options: CloseOptions): object {
  return {
    kind: 'close',
    grace_ms: graceMs,
    save: options.saveDir,
    save_max_mib: options.saveMaxMib,
  };
}

/** Never throws. A malformed `close` is a close without a grace period. */
export function readClose(message: unknown): { graceMs: number; options: CloseOptions } {
  const wire = WireClose.parse(message);
  const options = withoutUndefined({ saveDir: wire.save, saveMaxMib: wire.save_max_mib });
  return { graceMs: wire.grace_ms, options };
}
