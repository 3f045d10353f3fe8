/** The inference routes: a seat, then the harness. */
import { CortexError } from '@cortex/protocol';
import { readBody } from '@cortex/service';

import type { Seat } from '../admission/admission.ts';
import type { HarnessRequest, InferenceRoute } from '../harness/harness.ts';
import type { ServableModel } from '../models/models.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { parseJsonObject } from './json-body.ts';

/** What admission reads of a body; the harness validates the rest. */
interface InferenceView {
  readonly model: string;
  readonly n: number;
  readonly isStreamed: boolean;
}

const invalid = (param: string, must: string): CortexError =>
  new CortexError('invalid_request', `${param} must be ${must}.`, { param });

function readView(body: Readonly<Record<string, unknown>>): InferenceView {
  const { model, n, stream } = body;
  if (model === undefined || model === null || model === '') {
    throw new CortexError('missing_model_field', 'The body names no model.', { param: 'model' });
  }
  if (typeof model !== 'string') throw invalid('model', 'a string');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid('stream', 'true or false');
  }
  if (n === undefined || n === null) return { model, n: 1, isStreamed: stream === true };
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1) {
    throw invalid('n', 'a whole number from 1 on');
  }
  return { model, n, isStreamed: stream === true };
}

/** The end of the client or of its patience, whichever comes first. */
const endOf = (
  signal: AbortSignal,
  { expired }: Seat,
  { isStreamed }: InferenceView,
): AbortSignal => (isStreamed ? signal : AbortSignal.any([signal, expired]));

/** Handler of one inference route. */
export function inference(route: InferenceRoute, deps: ApiDeps) {
  const { models, admission, access, gate } = deps;

  function toHarnessRequest(
    context: ApiContext,
    { body, bytes }: Pick<HarnessRequest, 'body' | 'bytes'>,
    { seat, model }: { seat: Seat; model: ServableModel },
  ): HarnessRequest {
    const { headers } = context.req.raw;
    const address = context.env.server.requestIP(context.req.raw)?.address;
    return {
      body,
      bytes,
      headers,
      principal: access.principalOf(headers, address),
      requestId: context.get('requestId'),
      started: () => seat.started(),
      ended: ({ busyMs }) => {
        model.lifecycle.used();
        seat.release(busyMs);
      },
    };
  }

  return async (context: ApiContext): Promise<Response> => {
    const request = context.req.raw;
    gate.check();
    const bytes = await readBody(request, { maxBytes: deps.maxBodyBytes, signal: request.signal });
    // The body is here: from now on silence is ours, not a slow sender's.
    context.env.server.timeout(request, 0);
    const body = parseJsonObject(bytes);
    const view = readView(body);
    gate.check();
    const model = models.servable(view.model);
    const seat = admission.take({
      modelId: view.model,
      slots: model.slots,
      weight: view.n,
      isStreamed: view.isStreamed,
    });
    return model.harness.serve(
      route,
      view.model,
      toHarnessRequest(context, { body, bytes }, { seat, model }),
      endOf(request.signal, seat, view),
    );
  };
}
