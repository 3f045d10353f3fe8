/** Tokenizer routes. They take no seat, because they are cheap and work while every slot is busy. */
import { CortexError } from '@cortex/protocol';

import type { TokenizerRoute } from '../harness/harness.ts';
import { refuse } from '../refusal.ts';
import { checkBodySize } from './body-size.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { type BodyDemands, identify, readInference, readModel } from './inference.ts';
import { largestReadable } from './oversized-body.ts';

/** A model on disk has no limit of its own. */
const COLD_BYTES = 8 << 20;
const DEMANDS: BodyDemands = {
  mostBytes(models) {
    const largest = largestReadable(models);
    return largest === undefined ? undefined : Math.max(largest, COLD_BYTES);
  },
  check: checkBodySize,
  isForwarded: false,
};

/** Handler of a tokenizer route. The engine answers for a loaded model, the probe for one on disk. */
export function tokenizer(route: TokenizerRoute, deps: ApiDeps) {
  const { models } = deps;
  return async (context: ApiContext): Promise<Response> => {
    const parsed = await readInference(context, deps, DEMANDS);
    deps.gate.check();
    const modelId = readModel(parsed.body);
    const loaded = models.loadedOn(modelId);
    if (loaded) {
      const request = {
        ...parsed,
        ...identify(context, deps),
        started: () => undefined,
        ended: () => undefined,
      };
      return loaded.serve(route, modelId, request, context.req.raw.signal);
    }
    const cold = await models.cold(modelId);
    if (cold) return cold.models.serve(route, cold.files, parsed.body);
    throw refuse(new CortexError('no_capacity', `The file of ${modelId} is not on this node.`));
  };
}
