import { type DialectName } from '@cortex/protocol';
import { errorResponse, requestIdOf } from '@cortex/service';
import type { Context } from 'hono';

import { type MeterDeps, RequestMeter } from '../metering/request-meter.ts';
import { type Api } from '../metering/request-record.ts';
import { dialectOf } from './dialect.ts';
import { type Environment } from './environment.ts';
import { type Principals } from './principal.ts';

/** The argument of a handler that answers without a node. */
export interface MeteredRequest {
  readonly context: Context<Environment>;
  readonly dialect: DialectName;
  readonly requestId: string;
  readonly meter: RequestMeter;
}

/**
 * Wraps a handler: its requests are counted and recorded under `api`, like those that are forwarded to a node.
 *
 * @param handle - May throw: the caller gets the error in its dialect.
 * @param only - The dialect of the route; absent: that of the client, for routes that several have.
 */
export function metered(
  api: Api,
  deps: { readonly meter: MeterDeps; readonly principals: Principals },
  handle: (request: MeteredRequest) => Response | Promise<Response>,
  only?: DialectName,
) {
  return async (context: Context<Environment>): Promise<Response> => {
    const { headers } = context.req.raw;
    const requestId = requestIdOf(headers);
    const dialect = only ?? dialectOf(headers);
    const meter = new RequestMeter(deps.meter, { requestId, api });
    const peer = context.env.server.requestIP(context.req.raw)?.address ?? '';
    try {
      meter.principal = deps.principals.of(headers, peer);
      const response = await handle({ context, dialect, requestId, meter });
      meter.end({ outcome: 'ok', status: response.status });
      return response;
    } catch (error) {
      return errorResponse(meter.fail(error), { dialect, requestId });
    }
  };
}
