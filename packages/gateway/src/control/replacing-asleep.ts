import type { FleetSnapshot } from '@cortex/fleet';
import { toCortexError } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import type { LoadTarget } from './load-log.ts';

interface ReplacingDeps {
  readonly snapshot: () => FleetSnapshot;
  readonly client: (node: string) => NeuronClient;
}

/**
 * The result of a load call. For a model that sleeps with other settings the call is made again once it is unloaded,
 * because a wake would bring those settings back.
 */
export async function replacingAsleep<T>(
  { snapshot, client }: ReplacingDeps,
  { model, node, controller }: LoadTarget & { readonly controller: AbortController },
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const entry = snapshot().nodes.get(node)?.reported.get(model);
    if (toCortexError(error).code !== 'conflict' || entry?.status !== 'sleeping') throw error;
    const request = { model_id: model, if_idle: true, if_generation: entry.generation };
    await client(node).unload(request, controller.signal);
    return call();
  }
}
